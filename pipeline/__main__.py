"""`python -m pipeline` is the same as `vigie`."""

from pipeline.cli import program

if __name__ == "__main__":
    program()
