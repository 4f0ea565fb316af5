"""Generated people: faces with known identity and landmarks, without any photo."""

from maskarc.data.synthetic.benchmark import make_pairs, write_folder
from maskarc.data.synthetic.source import SyntheticFaces

__all__ = ["SyntheticFaces", "make_pairs", "write_folder"]
