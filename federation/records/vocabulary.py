"""The code lists around pictures, links, alerts, annotations and tombstones, typed in as facts.

The same form as in `codelists`: a code, its English label, and after a bar what else people write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from federation.records.codelists import Table

MEDIA_ROLES: Final[Table] = {
    "picture": "Picture|photo|photograph|image",
    "document": "Document",
    "scan": "Scanner image|scan|x-ray image",
    "video": "Video|film",
    "file": "File|attachment",
}

MEDIA_VIEWS: Final[Table] = {
    "product": "Product|goods",
    "label": "Label|tag",
    "packaging": "Packaging|package|box",
    "concealment": "Concealment|hiding place",
    "genuine_feature": "Feature of the genuine product|genuine feature",
    "fake_feature": "Feature of the counterfeit|fake feature",
    "document": "Document",
    "face": "Face|person",
}

RENDITIONS: Final[Table] = {
    "full": "Full size|large",
    "thumbnail": "Thumbnail|thumb|preview",
    "redacted": "Redacted|blurred",
}

LINK_TYPES: Final[Table] = {
    "publication": "Publication|press release|source|article",
    "seizure": "Another seizure|seizure|related seizure",
    "alert": "Alert",
    "operation": "Operation|joint operation",
    "case": "National case|case file|case",
    "other": "Other",
}

PARTY_ROLES: Final[Table] = {
    "consignor": "Consignor|sender|exporter|shipper",
    "consignee": "Consignee|receiver|importer|recipient",
    "declarant": "Declarant|broker|customs agent",
    "carrier": "Carrier|transporter|haulier|driver",
    "traveller": "Traveller|passenger|traveler",
    "manufacturer": "Manufacturer|producer|maker",
    "seller": "Seller|vendor|online seller",
    "owner": "Owner|owner of the goods",
    "other": "Other",
}

NATURES: Final[Table] = {
    "fact": "Fact",
    "assessment": "Assessment|opinion",
}

SOURCE_GRADES: Final[Table] = {
    "A": "A: completely reliable|completely reliable",
    "B": "B: usually reliable|usually reliable",
    "C": "C: fairly reliable|fairly reliable",
    "D": "D: not usually reliable|not usually reliable",
    "E": "E: unreliable|unreliable",
    "F": "F: reliability cannot be judged|cannot be judged",
}

TEXT_AUTHORS: Final[Table] = {
    "author": "Written by the author|original",
    "human": "Translated by a person|translated",
    "machine": "Translated by a machine|machine translation",
}

ALERT_TYPES: Final[Table] = {
    "new_modus_operandi": "New modus operandi|modus operandi",
    "dangerous_goods": "Dangerous goods|dangerous product",
    "hot_shipment": "Hot shipment|suspect shipment",
    "product_feature": "Product feature|how to tell the fake",
}

PRIORITIES: Final[Table] = {
    "routine": "Routine|normal",
    "high": "High|urgent",
    "immediate": "Immediate|flash",
}

ACTIONS: Final[Table] = {
    "inform": "Inform|for information",
    "monitor": "Monitor|watch",
    "control": "Control|examine|inspect",
    "stop_and_call": "Stop and call|stop|detain and call",
}

ANNOTATION_TYPES: Final[Table] = {
    "ack": "Acknowledgement|acknowledged|read",
    "feedback": "Feedback|what was done",
    "sighting": "Sighting|seen here too",
    "query": "Query|question",
    "answer": "Answer|reply",
    "verification": "Verification|verified by the regional office",
    "translation": "Translation",
    "link": "Link|related",
    "same-event": "The same event|duplicate report",
    "evidence-request": "Request for evidence|evidence wanted",
}

RESULTS: Final[Table] = {
    "found": "Found|hit|positive",
    "not_found": "Not found|negative|no hit",
    "released": "Released",
    "verified": "Verified|confirmed",
    "not_verified": "Not verified|cannot be confirmed",
    "allowed": "Allowed|yes|agreed",
    "allowed_with_conditions": "Allowed under conditions|conditions",
    "refused": "Refused|no|not allowed",
}

TOMB_REASONS: Final[Table] = {
    "erroneous": "Erroneous|wrong",
    "unlawful": "Unlawful",
    "court-order": "Court order",
    "retention": "Retention period over|retention",
    "withdrawn": "Withdrawn",
    "data-subject": "Request of the person concerned|data subject",
    "duplicate-of": "Duplicate of another record|duplicate",
}

TOMB_EFFECTS: Final[Table] = {
    "stop-use": "Stop using it",
    "erase": "Erase it",
    "replace": "Use the replacement",
}
