"""The long connection's frames (protobuf), written by hand so that the gateway shares no code with the client it tests.

Frame: 1 SeqID, 2 LogID, 3 service, 4 method (0 control, 1 data), 5 headers {1 key, 2 value}, 8 payload.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CONTROL, DATA = 0, 1


@dataclass
class Frame:
    """One frame of either side."""

    method: int = DATA
    headers: dict[str, str] = field(default_factory=dict)
    payload: bytes = b""
    service: int = 1

    def encode(self) -> bytes:
        """As it travels."""
        out = _number(1, 0) + _number(2, 0) + _number(3, self.service) + _number(4, self.method)
        for key, value in self.headers.items():
            out += _bytes(5, _bytes(1, key.encode()) + _bytes(2, value.encode()))
        return out + _bytes(8, self.payload)


def decode(raw: bytes) -> Frame:
    """What the client sent."""
    frame = Frame(headers={})
    for number, value in _fields(raw):
        if number == 4 and isinstance(value, int):
            frame.method = value
        elif number == 5 and isinstance(value, bytes):
            pair = {key: text for key, text in _fields(value) if isinstance(text, bytes)}
            frame.headers[pair[1].decode()] = pair[2].decode()
        elif number == 8 and isinstance(value, bytes):
            frame.payload = value
    return frame


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field_number: int, value: int) -> bytes:
    return _varint(field_number << 3) + _varint(value)


def _bytes(field_number: int, value: bytes) -> bytes:
    return _varint(field_number << 3 | 2) + _varint(len(value)) + value


def _fields(raw: bytes) -> list[tuple[int, int | bytes]]:
    found: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(raw):
        tag, at = _read(raw, at)
        value, at = _read(raw, at)
        if tag & 7 == 2:
            found.append((tag >> 3, raw[at : at + value]))
            at += value
        else:
            found.append((tag >> 3, value))
    return found


def _read(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
