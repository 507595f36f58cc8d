"""The OAuth endpoints as pure functions: no framework, no I/O."""

from sealring.oauth.metadata import Endpoints, metadata, metadata_path

__all__ = ["Endpoints", "metadata", "metadata_path"]
