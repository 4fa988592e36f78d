"""Writes a safetensors file with nothing but the standard library and numpy.

Layout: 8 bytes little-endian header length, JSON header padded with spaces to a multiple of 8,
then the tensors row by row. Tensors are ordered by falling alignment, then by name, as the
reference writer does.
"""
import json
import struct

import numpy as np

DTYPE = {"float32": "F32", "int32": "I32", "uint8": "U8"}


def write(path, tensors, about):
    arrays = {}
    for name, value in tensors.items():
        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        if array.dtype == np.int64:
            array = array.astype(np.int32)
        # ascontiguousarray would turn a scalar into a row of one.
        arrays[name] = array if array.ndim == 0 else np.ascontiguousarray(array)
    header, offset = {"__metadata__": {k: str(v) for k, v in about.items()}}, 0
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    for name in order:
        array = arrays[name]
        header[name] = {
            "dtype": DTYPE[str(array.dtype)],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            f.write(arrays[name].tobytes())
