"""How many HJ 212 frames one core decodes in a second: a stream of bytes to packets; length, CRC and grammar checked.

The bare loop only splits the same bytes at their separators. Time is CPU time of this process. The values differ from
frame to frame, so no cache of them helps; heads and seconds come again, as they do in the field.
"""

from __future__ import annotations

import random
from time import process_time

from services.assets.hj212 import Frame, Splitter, framed, packet_of
from tests.bench.figures import Figure

CODES = ("a21004", "a05024", "a21026", "a21005", "a34004", "a34002", "a01007", "a01008", "a01001", "a01002", "a01006")
FRAMES = 4_000
ROUNDS = 7
CHUNK = 4096
AIM = 20_000


def frames(count: int) -> list[bytes]:
    chance = random.Random(212)
    return [framed(segment(number, chance)) for number in range(count)]


def segment(number: int, chance: random.Random) -> bytes:
    values = ";".join(f"{code}-Avg={chance.randrange(0, 10_000) / 10},{code}-Flag=N" for code in CODES)
    moment = f"20220513{number // 3600 % 24:02d}{number // 60 % 60:02d}{number % 60:02d}"
    head = f"QN={moment}370;ST=22;CN=2051;PW=123456;MN=JLYP01AIR01_{number % 300:04d};Flag=4"
    return f"{head};CP=&&DataTime={moment};{values}&&".encode()


def decode(chunks: list[bytes]) -> int:
    splitter, count = Splitter(), 0
    for chunk in chunks:
        for piece in splitter.feed(chunk):
            assert isinstance(piece, Frame)
            packet_of(piece)
            count += 1
    return count


def bare(said: list[bytes]) -> int:
    for frame in said:
        for item in frame.split(b";"):
            for field in item.split(b","):
                field.split(b"=")
    return len(said)


def figures() -> list[Figure]:
    said = frames(FRAMES)
    stream = b"".join(said)
    chunks = [stream[at : at + CHUNK] for at in range(0, len(stream), CHUNK)]
    decoded = splits = 0.0
    for _ in range(ROUNDS):
        start = process_time()
        count = decode(chunks)
        middle = process_time()
        bare(said)
        end = process_time()
        decoded = max(decoded, count / (middle - start))
        splits = max(splits, count / (end - middle))
    what = f"(b) HJ 212 frames of {len(said[0])} bytes decoded on one core"
    told = f"{splits:,.0f}/s only split, ratio {decoded / splits:.2f}"
    return [Figure(what, f"{decoded:,.0f}/s", f"{AIM:,}/s", told, decoded >= AIM)]
