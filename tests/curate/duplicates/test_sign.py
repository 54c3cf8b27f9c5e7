import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH

from curate.duplicates.config import Duplicates
from curate.duplicates.sign import Signer
from curate.segment import Segments

LONG = "All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience."
TEXTS = [LONG, LONG.upper().replace(". ", ".\n\n"), LONG.replace("reason", "wit"), "too short", ""]
URLS = ["https://www.a.org/", "http://a.org", None, "http://b.org/x", ""]


def config(**sections: object) -> Duplicates:
    return Duplicates.model_validate(sections)


def test_everything() -> None:
    signer = Signer(config(text=True, url=True, near={"enabled": True}))
    signed = signer.sign(Segments(TEXTS), URLS)
    assert signer.bands == signed.bands.shape[1] == 14
    assert signed.bands.dtype == signed.text.dtype == signed.set.dtype == np.uint64
    assert signed.text[0].tolist() == signed.text[1].tolist() != signed.text[2].tolist()
    assert signed.url[0].tolist() == signed.url[1].tolist() != signed.url[3].tolist()
    assert signed.set[0].tolist() == signed.set[1].tolist() != signed.set[2].tolist()
    assert signed.text.any(axis=1).tolist() == [True, True, True, True, False]
    assert signed.url.any(axis=1).tolist() == [True, True, False, True, False]
    assert signed.set.any(axis=1).tolist() == [True, True, True, False, False]
    assert np.diff(signed.first).tolist() == [15, 15, 15, 0, 0]
    left, right = (set(signed.shingles[signed.first[d] : signed.first[d + 1]].tolist()) for d in (0, 2))
    assert len(left & right) == 12
    assert not signed.oversized.any()


def test_what_is_off_has_no_keys() -> None:
    signer = Signer(config())
    signed = signer.sign(Segments(TEXTS), URLS)
    assert signer.bands == 0
    assert not signed.text.any() and not signed.url.any() and not signed.set.any()
    assert signed.bands.shape == (5, 0)
    assert signed.first.tolist() == [0] * 6
    assert len(signed.shingles) == 0
    assert Signer(config(text=True)).sign(Segments(TEXTS), URLS).text.any()


def test_an_oversized_document_has_no_set() -> None:
    near = {"enabled": True, "ngram": 1, "max_shingles": 3}
    signed = Signer(config(near=near)).sign(Segments(["a b c", "a b c d", "d d c b"]), [None] * 3)
    assert signed.oversized.tolist() == [False, True, False]
    assert signed.first.tolist() == [0, 3, 3, 6]
    assert signed.set.any(axis=1).tolist() == [True, False, True]
    assert not np.array_equal(signed.shingles[:3], signed.shingles[3:])


def test_the_same_in_any_batch() -> None:
    signer = Signer(config(text=True, url=True, near={"enabled": True, "shingle": "char", "ngram": 9}))
    together = signer.sign(Segments(TEXTS), URLS)
    for d, (text, url) in enumerate(zip(TEXTS, URLS, strict=True)):
        alone = signer.sign(Segments([text]), [url])
        for name in ("text", "url", "set", "bands", "oversized"):
            assert np.array_equal(getattr(alone, name)[0], getattr(together, name)[d])


@pytest.mark.oracle
def test_bands_meet_where_those_of_datasketch_do() -> None:
    """With the banding that both choose for a threshold, over texts that share more and more words."""
    words = [f"w{i}" for i in range(300)]
    texts = [" ".join(words[i:] + [f"x{d}_{i}" for i in range(i)]) for d, i in enumerate(range(0, 120, 3))]
    near = {"enabled": True, "banding": "auto", "threshold": 0.7, "permutations": 64, "seed": 5}
    signed = Signer(config(near=near)).sign(Segments(texts), [None] * len(texts))
    lsh = MinHashLSH(threshold=0.7, num_perm=64)
    minhashes = []
    for d in range(len(texts)):
        minhash = MinHash(64, seed=5, hashfunc=int)
        minhash.update_batch(signed.shingles[signed.first[d] : signed.first[d + 1]].tolist())
        lsh.insert(d, minhash)
        minhashes.append(minhash)
    assert signed.bands.shape[1] == lsh.b
    met = 0
    for d, minhash in enumerate(minhashes):
        ours = np.flatnonzero((signed.bands == signed.bands[d]).any(axis=1)).tolist()
        assert ours == sorted(lsh.query(minhash))
        met += len(ours) - 1
    assert 0 < met < len(texts) * (len(texts) - 1)
