"""A case of one's own from a file: what it holds is guessed and said, then declared for good."""

from pipeline.newcase.reading import Guess, read_file
from pipeline.newcase.writing import Made, make_case

__all__ = ["Guess", "Made", "make_case", "read_file"]
