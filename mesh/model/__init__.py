"""The words of the project as types: ids, frames, buckets, units and manifests. Knows no I/O."""
