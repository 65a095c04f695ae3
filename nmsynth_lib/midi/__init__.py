"""Standard MIDI Files, read and written for one monophonic guitar.

Road: .mid -> [midi] -> Performance -> controls -> decoder -> synthesis -> audio.
Explained in notebook 01, "From notes to curves".
"""
