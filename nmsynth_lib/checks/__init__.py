"""Checks of the notebooks' exercises, one module a notebook: they answer in words.

Road: answer -> Performance -> instrument -> audio -> measures -> [checks].
"""
