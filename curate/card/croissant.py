"""Croissant 1.1 (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html): the data set as JSON-LD, with one
`prov:Activity` for each step, the properties of its RAI extension, and the files with their hashes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from curate.card.answers import Answers, open_blanks
from curate.card.facts import Facts
from curate.card.gaps import gaps, pii_actions
from curate.card.tables import UNKNOWN
from curate.export.configs import configs

CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
# Terms of the specification's own @context; those whose value is another key are written out.
_OWN = """arrayShape citeAs column containedIn equivalentProperty extract field fileProperty fileObject fileSet format
includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace
samplingRate separator source subField transform"""
_PARQUET = "application/x-parquet"
_LINES = "application/jsonlines"
_AGENT = "winnow"


def croissant(facts: Facts, answers: Answers) -> str:
    """The document, as JSON text that ends in a newline."""
    return json.dumps(document(facts, answers), indent=2, ensure_ascii=False) + "\n"


def document(facts: Facts, answers: Answers) -> dict[str, Any]:
    """The document; what people have not answered is left out."""
    missing = {blank.name for blank in open_blanks(answers)}
    said = {name: value for name, value in answers.model_dump().items() if name not in missing and value}
    name = said.get("name", facts.handed_on.name)
    found: dict[str, Any] = {
        "@context": context(),
        "@type": "sc:Dataset",
        "name": name,
        "description": said.get("description", f"{facts.totals.documents:,} documents curated from a web crawl."),
        "conformsTo": CONFORMS_TO,
        "version": answers.version,
    }
    if "licence" in said:
        found["license"] = said.get("licence_url", said["licence"])
    pairs = {"url": "url", "date_published": "datePublished", "citation": "citeAs"}
    found |= {term: said[key] for key, term in pairs.items() if key in said}
    found["creator"] = [{"@type": "sc:Organization", "name": one} for one in said.get("creators", [])]
    found["keywords"] = ["winnow", *answers.keywords]
    found["inLanguage"] = [one.name for one in facts.languages if one.name not in (UNKNOWN, "und")]
    found |= _responsible(facts, said)
    found["prov:wasDerivedFrom"] = list(_sources(facts))
    found["prov:wasGeneratedBy"] = list(_activities(facts))
    found["distribution"], found["recordSet"] = _distribution(facts)
    return {term: value for term, value in found.items() if value not in ([], None)}


def context() -> dict[str, Any]:
    """The @context of the specification, and PROV-O."""
    terms: dict[str, Any] = {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "conformsTo": "dct:conformsTo",
        "cr": "http://mlcommons.org/croissant/",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "dct": "http://purl.org/dc/terms/",
        "description": {"@container": "@language"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
        "name": {"@container": "@language"},
        "prov": "http://www.w3.org/ns/prov#",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "sc": "https://schema.org/",
    }
    return dict(sorted((terms | {name: f"cr:{name}" for name in _OWN.split()}).items()))


def _responsible(facts: Facts, said: dict[str, Any]) -> dict[str, Any]:
    """The properties of the RAI extension that follow from the facts and the answers."""
    acted = [f"{kind}: {action}" for kind, action in pii_actions(facts).items()]
    by = "patterns" if facts.settings.classify.pii is None else "patterns and a trained tagger"
    personal = [f"Found by {by}, and what is done: {', '.join(acted)}."]
    found: dict[str, Any] = {
        "rai:dataCollection": f"Pages of a web crawl, from {len(facts.inputs):,} files.",
        "rai:dataCollectionType": "Web Scraping",
        "rai:dataPreprocessingProtocol": [f"{one.name}: {one.description}" for one in facts.activities],
        "rai:personalSensitiveInformation": [*personal, *([said["personal_data"]] if "personal_data" in said else [])],
        "rai:dataLimitations": [*gaps(facts), *said.get("limitations", [])],
    }
    pairs = {"purpose": "dataUseCases", "biases": "dataBiases", "maintenance": "dataReleaseMaintenancePlan"}
    return found | {f"rai:{term}": said[key] for key, term in pairs.items() if key in said}


def _sources(facts: Facts) -> Iterator[dict[str, Any]]:
    for place, one in enumerate(facts.inputs):
        yield {
            "@type": "prov:Entity",
            "@id": f"input/{place}",
            "prov:label": one.path,
            "identifier": f"xxh3-128:{one.digest}",
        }


def _activities(facts: Facts) -> Iterator[dict[str, Any]]:
    """Each step with its counts; it was informed by the step before it, the first one used the inputs."""
    agent: dict[str, Any] = {"@type": "prov:SoftwareAgent", "@id": _AGENT, "prov:label": f"Winnow {facts.version}"}
    before = None
    for place, one in enumerate(facts.activities, 1):
        found: dict[str, Any] = {
            "@type": "prov:Activity",
            "@id": f"activity/{place}-{one.name}",
            "prov:label": one.name,
            "description": one.description,
            "prov:wasAssociatedWith": agent if before is None else {"@id": _AGENT},
        }
        if before is not None:
            found["prov:wasInformedBy"] = {"@id": before}
        elif facts.inputs:
            found["prov:used"] = [{"@id": f"input/{number}"} for number in range(len(facts.inputs))]
        found["additionalProperty"] = [
            {"@type": "PropertyValue", "propertyID": name, "value": count} for name, count in one.counts.items()
        ]
        before = found["@id"]
        yield found


def _distribution(facts: Facts) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Every file with its hash, a set of files for each split, and the rows that the sets hold."""
    files = [
        {
            "@type": "cr:FileObject",
            "@id": one.path,
            "name": one.path,
            "contentUrl": one.path,
            "encodingFormat": _PARQUET if one.path.endswith(".parquet") else _LINES,
            "contentSize": f"{one.bytes} B",
            "sha256": one.sha256,
        }
        for one in facts.handed_on.files
    ]
    sets, records = [], []
    listed = configs(one.path for one in facts.handed_on.files)
    for config in listed:
        for part in config["data_files"]:
            name = part["split"] if len(listed) == 1 else f"{config['config_name']}-{part['split']}"
            lines = not part["path"].endswith(".parquet")
            sets.append(
                {
                    "@type": "cr:FileSet",
                    "@id": f"{name}-files",
                    "name": f"{name}-files",
                    "encodingFormat": _LINES if lines else _PARQUET,
                    "includes": part["path"],
                }
            )
            records.append(_record_set(name, facts, lines))
    return files + sets, records


def _record_set(name: str, facts: Facts, lines: bool) -> dict[str, Any]:
    fields = []
    for column in facts.columns:
        extract = {"jsonPath": f"$.{column.name}"} if lines else {"column": column.name}
        place = {"fileSet": {"@id": f"{name}-files"}, "extract": extract}
        described = {"@type": "cr:Field", "@id": f"{name}/{column.name}", "name": f"{name}/{column.name}"}
        fields.append({**described, "dataType": _type(column), "source": place})
    found: dict[str, Any] = {"@type": "cr:RecordSet", "@id": name, "name": name, "field": fields}
    if not facts.is_mix:
        found["key"] = {"@id": f"{name}/id"}
    return found


def _type(field: pa.Field) -> str:
    kind = str(field.type)
    if re.fullmatch(r"u?int\d+", kind):
        return "sc:Integer"
    if kind in ("float", "double", "halffloat"):
        return "sc:Float"
    return "sc:Boolean" if kind == "bool" else "sc:URL" if field.name == "url" else "sc:Text"
