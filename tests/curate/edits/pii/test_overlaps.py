from curate.edits import EditsConfig
from curate.edits.edit import Tags, edit
from curate.edits.pii.kinds import Find, joined, settled, token


def test_precedence_settles_overlaps() -> None:
    finds = [
        Find(0, 16, "phone", "a"),
        Find(4, 20, "credit_card", "b"),
        Find(20, 25, "ipv4", "c"),
        Find(21, 24, "email", "d"),
        Find(30, 40, "phone", "e"),
        Find(35, 45, "phone", "f"),
    ]
    assert [find.value for find in settled(finds)] == ["b", "d", "e"]


def test_the_longer_of_two_that_begin_together_wins() -> None:
    assert settled([Find(0, 5, "email", "a"), Find(0, 9, "email", "b")]) == [Find(0, 9, "email", "b")]


ADDRESS = "Call 555 123 4567, 12 Main Street, now"
PLACE = Find(5, 34, "address", "a")  # the tagger took the number for a part of the address


def test_all_of_what_a_tagger_found_is_masked() -> None:
    phone = Find(5, 17, "phone", "p")
    found = joined(ADDRESS, [phone], [PLACE], ())
    assert [(one.kind, ADDRESS[one.start : one.end]) for one in found] == [
        ("phone", "555 123 4567"),
        ("address", ", 12 Main Street,"),
    ]
    middle = Find(19, 21, "national_id", "n")
    found = joined(ADDRESS, [phone, middle], [PLACE._replace(start=0)], ())
    assert [ADDRESS[one.start : one.end] for one in found] == ["Call", "555 123 4567", "12", "Main Street,"]
    inside = PLACE._replace(start=5, end=18)  # of what is left, only a comma
    assert joined(ADDRESS, [phone], [inside], ()) == [phone]
    assert joined(ADDRESS, [], [PLACE], ()) == [PLACE]


def test_a_pattern_that_only_flags_shields_nothing() -> None:
    phone = Find(5, 17, "phone", "p")
    assert joined(ADDRESS, [phone], [PLACE], {"phone"}) == [PLACE]
    assert joined(ADDRESS, [phone], [PLACE._replace(start=19)], {"phone"}) == [phone, PLACE._replace(start=19)]
    both = joined(ADDRESS, [phone], [PLACE], {"phone", "address"})
    assert both[0] == phone and both[1].kind == "address"


def test_masked_in_the_text() -> None:
    config = EditsConfig.model_validate({"pii": {"phone": "replace"}})
    text = "Write to ann@mail-server.org Ann Smith today."
    tagged = Tags(("name",), {0: [Find(9, 38, "name", "ann")]})
    found = edit([text], ["en"], config, b"a key of a test, 16 bytes", tagged=tagged)
    assert found.texts == ["Write to <EMAIL> <NAME> today."]
    assert "Smith" not in found.texts[0] and found.measures["edits.pii_name"].tolist() == [1]


def test_tokens() -> None:
    assert token("credit_card") == "<CREDIT_CARD>"
