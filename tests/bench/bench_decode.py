"""How many HJ 212 frames one core decodes in a second: `python tests/bench/bench_decode.py`, from the repository.

Prints the rate and its ratio to a bare loop that only splits the same bytes at their separators, because the machine
may be busy and the ratio stays. Time is CPU time of this process. The values
differ from frame to frame, so no cache of texts helps.
"""

import random
import sys
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from services.assets.hj212 import Frame, Splitter, framed, packet_of

CODES = ("a21004", "a05024", "a21026", "a21005", "a34004", "a34002", "a01007", "a01008", "a01001", "a01002", "a01006")
FRAMES = 4_000
ROUNDS = 5
CHUNK = 4096


def frames(count: int) -> list[bytes]:
    chance = random.Random(212)
    return [framed(segment(number, chance)) for number in range(count)]


def segment(number: int, chance: random.Random) -> bytes:
    values = ";".join(f"{code}-Avg={chance.randrange(0, 10)},{code}-Flag=N" for code in CODES)
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


def main() -> None:
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
    size, ratio = len(said[0]), splits / decoded
    print(f"{size} bytes a frame: {decoded:,.0f} decodes/s, {splits:,.0f} bare splits/s, ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
