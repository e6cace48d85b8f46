"""The files of Redis as bytes: RDB, the append-only file, LZF, CRC-64. Bytes in, values out, and back."""
