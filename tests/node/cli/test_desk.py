"""The desk on the command line."""

import json


def test_every_page_of_the_desk_is_printed_for_people_and_for_programs(tell, member):
    file = member.parent / "s.csv"
    file.write_text("reference,administration,seized_on,wco_category\nG-1,GB,2025-03-04,footwear\n", "utf-8")
    assert tell("import", file, "--yes", "--home", member).status == 0
    assert tell("release", "--all", "--home", member).status == 0
    (waiting,) = tell("desk", "queue", "--json", "--home", member).json["waiting"]
    assert waiting["findings"] == []
    assert "Footwear" in tell("desk", "queue", "--home", member).out
    assert tell("desk", "verify", waiting["rid"], "--home", member).status == 0
    assert "Nothing waits" in tell("desk", "queue", "--home", member).out
    refused = tell("desk", "query", waiting["rid"], "--text", "Which unit?", "--home", member)
    assert refused.status == 1
    assert "another member" in refused.err
    assert "Nobody asks" in tell("desk", "queries", "--home", member).out
    assert "GB" in tell("desk", "timeliness", "--home", member).out
    assert tell("desk", "timeliness", "--json", "--home", member).json["members"][0]["member"] == "GB"
    assert tell("desk", "remind", "GB", "--home", member).status == 1
    assert "shorter than a year" in tell("desk", "patterns", "--home", member).out
    assert json.dumps(tell("desk", "patterns", "--json", "--home", member).json["found"]) == "[]"
    assert "Nothing was entered" in tell("desk", "on-behalf", "--home", member).out


def test_an_administration_imports_for_no_other(tell, member):
    file = member.parent / "s.csv"
    file.write_text("reference,administration\nB-1,BW\n", "utf-8")
    refused = tell("import", file, "--on-behalf-of", "BW", "--yes", "--home", member)
    assert refused.status == 1
    assert "no regional office" in refused.err
