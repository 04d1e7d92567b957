"""The dataset card: what is in a generation, how it was made, whom to name and how to have a photograph removed."""

from curation.publishing.dataset_card import dataset_card

GENERATION = "0003-0123456789"
SETTINGS = {"rules": {"quality_factor_min": 95, "native_size": True}, "cameras": ["nexus-5x", "iphone-6"], "x": None}


def cut(card, heading):
    """Return one section of a card."""
    return card.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def cells(text):
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    return rows[2:]


def test_the_card_leads_with_what_is_kept_of_what_was_judged(counts, natives):
    card = dataset_card(GENERATION, counts, natives, SETTINGS)
    assert card.startswith('---\npretty_name: "Shutterprint 0003-0123456789"\n')
    assert "size_categories:\n- n<1K\n" in card
    assert "12 photographs (79.00 MB) by 2 camera models," in card
    assert "20 (100.00 MB) that were judged" in card


def test_every_kept_camera_has_its_splits_and_sizes(counts, natives):
    rows = cells(cut(dataset_card(GENERATION, counts, natives, SETTINGS), "Cameras and splits"))
    assert rows == [
        ["LG Nexus 5X (nexus-5x)", "8", "4", "5 (2)", "1 (1)", "2 (1)", "4032x3024 (7), 3264x2448 (1)"],
        ["Apple iPhone 6 (iphone-6)", "4", "2", "3 (1)", "0 (0)", "1 (1)", "3264x2448 (4)"],
    ]


def test_rules_settings_and_licences_are_named(counts, natives):
    card = dataset_card(GENERATION, counts, natives, SETTINGS)
    assert cells(cut(card, "Rules"))[2] == ["duplicate", "The same bytes are kept under another photo.", "2", "2"]
    assert cells(cut(card, "Settings")) == [
        ["cameras", "nexus-5x, iphone-6"],
        ["rules.native\\_size", "true"],
        ["rules.quality\\_factor\\_min", "95"],
        ["x", "none"],
    ]
    assert cells(cut(card, "Licences")) == [["CC BY 2.0", "8"], ["CC BY-SA 4.0", "4"]]
    assert "3 values of 2 cameras" in cut(card, "Learned consensus")
    assert "2 learned from the photographs, 1 from the catalogue" in cut(card, "Learned consensus")


def test_the_card_says_how_to_remove_a_photograph_and_how_to_cite(counts, natives):
    card = dataset_card(GENERATION, counts, natives, SETTINGS)
    assert "python -m crawlers.forget" in cut(card, "Taking a photograph down")
    assert GENERATION in cut(card, "Citing")
    assert "EXIF" in cut(card, "Known limits")


def test_equal_counts_give_equal_bytes_in_any_order(counts, natives):
    turned = {name: counts[name] for name in reversed(counts)}
    turned["cameras"] = dict(reversed(counts["cameras"].items()))
    settings = dict(reversed(SETTINGS.items()))
    one = dataset_card(GENERATION, counts, natives, SETTINGS)
    assert one == dataset_card(GENERATION, turned, list(reversed(natives)), settings)


def test_text_of_strangers_is_no_markup_and_cannot_leave_its_cell(counts, natives):
    evil = "x | y\n\n# z <b>[a](https://a.example) ![i](//b.example/i.png) `c` www.d.example"
    counts["licences"] = {evil: 3}
    counts["cameras"] = {"k": {**counts["cameras"]["nexus-5x"], "name": evil}}
    counts["sources"] = {evil: counts["sources"]["flickr"]}
    card = dataset_card(GENERATION, counts, natives, {})
    assert cells(cut(card, "Licences")) == [
        [
            r"x \| y\\n\\n\# z \<b\>\[a\](https\://a.example) \!\[i\](//b.example/i.png) \`c\` www\.d.example",
            "3",
        ]
    ]
    assert "\n# z" not in card


def test_a_long_list_is_cut_and_says_where_the_rest_is(counts, natives):
    for number in range(310):
        counts["cameras"][f"camera-{number}"] = counts["cameras"]["nexus-5x"]
    card = dataset_card(GENERATION, counts, natives, SETTINGS)
    assert "And 12 more cameras in `funnel.json`." in card


def test_a_generation_of_nothing_still_has_a_card(counts):
    empty = {name: type(value)() for name, value in counts.items()}
    card = dataset_card(GENERATION, empty, [], {})
    assert "0 photographs (0 B) by 0 camera models" in card
    assert cut(card, "Sources").strip() == "None."
