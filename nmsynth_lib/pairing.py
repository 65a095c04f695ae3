"""Which sound belongs to which MIDI file, in a folder that somebody else has laid out.

Road: a folder with subfolders -> [pairing] -> takes of one name each -> recordings.
Explained in notebook 01, "The authors' own recordings".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from nmsynth_lib.drive_folder import DriveFile
from nmsynth_lib.takes import AUDIO_SUFFIXES, MIDI_SUFFIXES

_SUFFIXES = (*AUDIO_SUFFIXES, *MIDI_SUFFIXES)


@dataclass(frozen=True)
class Pair:
    """A take as it lies in the other folder.

    Attributes:
      name: What it is called here; no other pair is called so.
      sound: The audio file.
      midi: Its annotation.
    """

    name: str
    sound: DriveFile
    midi: DriveFile

    def files(self) -> dict[str, DriveFile]:
        """File name here -> file there; the sound comes first."""
        return {f"{self.name}{file.path.suffix}": file for file in (self.sound, self.midi)}


def paired(files: Sequence[DriveFile]) -> tuple[list[Pair], list[str]]:
    """Sounds with their MIDI files: of one name in one folder, or else in two.

    Names count without case and without the suffixes inside them: NAME.mid.mp3 belongs to NAME.MID.
    If there is one sound and one MIDI file in all, they belong together whatever they are called.
    Of two sounds of one name the one without loss is taken.

    Args:
      files: All that there are; what is neither sound nor MIDI is passed over.

    Returns:
      Pairs by the path of their sound; and a line for each sound or MIDI file that is left alone.

    Explained in notebook 01, "The authors' own recordings".
    """
    visible = [file for file in files if not file.path.name.startswith(".")]
    sounds = [file for file in visible if file.path.suffix.lower() in AUDIO_SUFFIXES]
    sounds.sort(key=lambda file: AUDIO_SUFFIXES.index(file.path.suffix.lower()))
    midis = [file for file in visible if file.path.suffix.lower() in MIDI_SUFFIXES]
    if len(sounds) == len(midis) == 1:
        return _named([(sounds[0], midis[0])]), []
    found: list[tuple[DriveFile, DriveFile]] = []
    for same_folder in (True, False):
        for sound in list(sounds):
            match = next((midi for midi in midis if _alike(sound, midi, same_folder)), None)
            if match is not None:
                found.append((sound, match))
                sounds.remove(sound)
                midis.remove(match)
    alone = [f"{file.path}: left out, no MIDI file goes with it." for file in sounds]
    alone += [f"{file.path}: left out, no sound file goes with it." for file in midis]
    return _named(found), sorted(alone)


def _alike(sound: DriveFile, midi: DriveFile, same_folder: bool) -> bool:
    same = sound.path.parent == midi.path.parent or not same_folder
    return same and _stem(sound).lower() == _stem(midi).lower()


def _stem(file: DriveFile) -> str:
    """The file's name without any suffixes of sound and MIDI."""
    name = file.path.name
    while (suffix := PurePosixPath(name).suffix).lower() in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _named(found: list[tuple[DriveFile, DriveFile]]) -> list[Pair]:
    """A name for each pair: the sound's, with its subfolder or a number where that is taken."""
    pairs: list[Pair] = []
    taken: set[str] = set()
    for sound, midi in sorted(found, key=lambda pair: str(pair[0].path)):
        names = [_stem(sound), f"{sound.path.parent.name} {_stem(sound)}".strip()]
        names += [f"{names[-1]} {number}" for number in range(2, len(found) + 2)]
        name = next(name for name in names if name.lower() not in taken)
        taken.add(name.lower())
        pairs.append(Pair(name, sound, midi))
    return pairs
