"""Checks of the notebooks' exercises, one module a notebook: they answer in words.

A check says what was heard, what is wrong with it and where to go next; never only "False".

Road: answer -> Performance -> instrument -> audio -> measures -> [checks].
"""
