"""Champions as something that can be served: a folder, a running service, or a Bento.

Only the champion of a case is ever packaged, and its bytes are the ones that were promoted.
"""

from pipeline.packaging.bundles import Bundle, ModelCard, read_bundles
from pipeline.packaging.champions import export_champions
from pipeline.packaging.packing import Packed, pack
from pipeline.packaging.serving import serve

__all__ = ["Bundle", "ModelCard", "Packed", "export_champions", "pack", "read_bundles", "serve"]
