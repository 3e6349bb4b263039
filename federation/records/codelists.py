"""The short code lists of customs work, typed in as facts: code, English label, what else people write.

Each table maps a code to its English label, followed after a bar by the synonyms under which registers, press
releases and spreadsheets know it. `codes` reads these tables; units and packages stand in `units`, countries
and currencies in `territories`.

Sources: customs procedures are the nine of WCO SECURE (2007), Section I, Standard 1, in its order; goods
categories those of the WCO Customs Enforcement Network and of the EU's yearly report on detentions; rights
those of Regulation (EU) 608/2013, Article 2.
"""

# ruff: noqa: E501 - a table is read line by line: one code, one line

from __future__ import annotations

from typing import Final

Table = dict[str, str]
"""Code to `English label|synonym|synonym ...`."""

PROCEDURES: Final[Table] = {
    "import": "Import|importation|imports|home use|release for free circulation|inbound",
    "export": "Export|exportation|exports|outbound",
    "transit": "Transit|in transit",
    "warehouse": "Warehouse|warehouses|warehousing|customs warehouse|bonded warehouse",
    "transshipment": "Transshipment|transhipment|trans-shipment",
    "free_zone": "Free zone|free zones|free trade zone|FTZ",
    "free_port": "Free port|free ports|freeport",
    "postal_shipment": "Postal shipment|postal shipments|postal|post|mail|by post",
    "internet_order": "Internet order|goods ordered via the internet|internet|online order|e-commerce|ecommerce|online sale",
}

TRAFFIC: Final[Table] = {
    "freight": "Freight|cargo|commercial traffic",
    "passenger": "Passenger|passengers|traveller|traveller traffic|passenger traffic|luggage",
}

BASES: Final[Table] = {
    "ex_officio": "Ex officio|ex-officio action|own initiative",
    "on_application": "On application|application for action|afa|on request|customs recordation",
}

LOCATION_TYPES: Final[Table] = {
    "seaport": "Seaport|sea port|port|harbour|harbor|container terminal",
    "airport": "Airport|air port|cargo airport",
    "land_border": "Land border|border crossing|road border|land frontier|border post",
    "mail_centre": "Mail centre|mail center|post office|postal centre|postal hub|international mail centre",
    "express_hub": "Express hub|courier hub|express centre|express courier centre",
    "inland": "Inland|inland customs|inland office|road check|motorway",
    "free_zone": "Free zone|free trade zone|FTZ",
    "warehouse": "Warehouse|depot|storage",
    "market": "Market|shop|bazaar|retail premises|shopping centre",
    "at_sea": "At sea|high seas|sea|territorial waters",
}

CONVEYANCES: Final[Table] = {
    "post": "Post|postal|mail|postal traffic|by post",
    "express": "Express|courier|express courier|express freight",
    "air": "Air|aircraft|plane|air cargo|air freight|by air",
    "sea": "Sea|ship|vessel|maritime|container ship|by sea|sea freight",
    "road": "Road|lorry|truck|car|van|bus|vehicle|by road",
    "rail": "Rail|train|railway|by rail",
    "inland_waterway": "Inland waterway|river|barge|inland water|canal",
    "pedestrian": "Pedestrian|on foot|foot|porter|porters",
}

DETECTIONS: Final[Table] = {
    "risk_profile": "Risk profile|risk profiling|risk analysis|risk assessment|profiling|targeting|selectivity",
    "intelligence": "Intelligence|intelligence led|information received|alert|warning",
    "routine": "Routine|routine control|routine check|routine inspection",
    "random": "Random|random selection|random check|random control|spot check",
    "investigation": "Investigation|inquiry|surveillance|controlled delivery",
    "scanner": "Scanner|x-ray|xray|x ray|scan|image analysis|non-intrusive inspection",
    "dog": "Dog|detector dog|sniffer dog|canine|k9",
    "tip_off": "Tip-off|tip off|tipoff|tip|complaint|right holder information|informant",
}

WCO_CATEGORIES: Final[Table] = {
    "accessories": "Accessories|handbags|bags|wallets|purses|eyewear|sunglasses|jewellery|jewelry|belts|personal accessories|luggage",
    "clothing": "Clothing|clothes|apparel|garments|ready-to-wear|wearing apparel|sportswear",
    "pharmaceuticals": "Pharmaceuticals|pharmaceutical products|medicines|medicine|drugs|medical products|medicaments|medication",
    "phonographic_products": "Phonographic products|optical media|CDs|DVDs|cd/dvd|music and film|recorded media|phonographic",
    "electronic_appliances": "Electronic appliances|electronics|electrical equipment|electronic equipment|consumer electronics|appliances",
    "mobile_phones": "Mobile phones and accessories|mobile phones|phones|phone|cell phones|smartphones|phone accessories|telephones",
    "toiletries_cosmetics": "Toiletries/cosmetics|toiletries and cosmetics|cosmetics|toiletries|perfume|perfumes|personal care|body care|fragrances",
    "watches": "Watches|watch|wristwatches|wrist watches|timepieces",
    "computers": "Computers and accessories|computers|computer|computer equipment|computer accessories|it equipment",
    "games_toys": "Games and toys|toys|games|toy|toys and games|video games",
    "footwear": "Footwear|shoes|shoe|sport shoes|sports shoes|sneakers|trainers|boots|sandals|slippers",
    "foodstuff_soft_drinks": "Foodstuff and soft drinks|foodstuffs|foodstuff|food|soft drinks|food and drink|food and beverages|beverages",
    "alcohol": "Alcohol|alcoholic beverages|alcoholic drinks|spirits|wine|beer|liquor",
    "tobacco": "Tobacco|cigarettes|tobacco products|cigars|e-cigarettes|vaping goods",
    "textiles": "Textiles other than clothing|textiles|textile|home textiles|fabrics|bedding|towels|linen",
    "transportation_spare_parts": "Transportation and spare parts|auto parts|car parts|spare parts|vehicle parts|automotive parts|transportation|vehicles|vehicles and parts",
    "other": "Other|other goods|others|miscellaneous|labels and packaging|labels packaging|stationery",
}

EU_CATEGORIES: Final[Table] = {
    "foodstuffs": "Foodstuffs|food|foodstuff",
    "alcoholic_beverages": "Alcoholic beverages|alcohol|wine|spirits|beer",
    "other_beverages": "Other beverages|beverages|soft drinks",
    "perfumes_cosmetics": "Perfumes and cosmetics|perfume|perfumes|cosmetics",
    "other_body_care": "Other body care items|body care|toiletries|other body care",
    "clothing": "Clothing (ready to wear)|clothing|clothes|apparel|garments",
    "clothing_accessories": "Clothing accessories|belts, ties, scarves|caps and gloves",
    "sport_shoes": "Sport shoes|sports shoes|trainers|sneakers",
    "other_shoes": "Other shoes|shoes|footwear",
    "eyewear": "Sunglasses and other eyewear|eyewear|sunglasses|eye-glasses|glasses",
    "bags": "Bags including wallets and purses|bags|handbags|wallets|purses|bags, wallets, purses",
    "watches": "Watches|watch|wristwatches",
    "jewellery": "Jewellery and other accessories|jewellery|jewelry",
    "mobile_phones": "Mobile phones|phones|phone|smartphones|cell phones",
    "mobile_phone_parts": "Parts and technical accessories for mobile phones|phone accessories|mobile phone parts",
    "audio_video": "Audio/video apparatus|audio/video|household appliances|audio video",
    "memory": "Memory cards and sticks|memory|usb sticks|memory cards",
    "ink_toner": "Ink cartridges and toners|ink and toner|toner|ink|ink cartridges",
    "computer_equipment": "Computer equipment (hardware)|computers|computer equipment|computer",
    "other_equipment": "Other equipment and technical accessories|electronics|other equipment|electrical equipment",
    "recorded_media": "Recorded CD, DVD|recorded media|optical media|recorded|CDs|DVDs",
    "unrecorded_media": "Unrecorded CD, DVD|unrecorded media|unrecorded|blank media",
    "toys": "Toys|toy",
    "games": "Games (including electronic game consoles)|games|game consoles|video games",
    "sports": "Sporting articles (including leisure articles)|sporting articles|sports|sport articles",
    "cigarettes": "Cigarettes|cigarette",
    "other_tobacco": "Other tobacco products|other tobacco|tobacco|cigars|e-cigarettes",
    "medical_products": "Medicines and other products|medical products|medicines|pharmaceuticals|condoms",
    "machines_tools": "Machines and tools|machines|tools|machinery",
    "vehicles_parts": "Vehicles including accessories and parts|vehicles and parts|auto parts|car parts|vehicles",
    "office_stationery": "Office stationery|stationery|pens",
    "lighters": "Lighters|lighter",
    "labels": "Labels, tags, stickers|labels|tags|stickers|labels/tags/stickers",
    "textiles": "Textiles (towels, linen, carpets)|textiles|textile|towels|linen|bedding",
    "packaging": "Packaging materials|packaging|labels_packaging",
    "other": "Other goods|other|others|miscellaneous",
}

EU_TO_WCO: Final[dict[str, str]] = {
    "foodstuffs": "foodstuff_soft_drinks",
    "alcoholic_beverages": "alcohol",
    "other_beverages": "foodstuff_soft_drinks",
    "perfumes_cosmetics": "toiletries_cosmetics",
    "other_body_care": "toiletries_cosmetics",
    "clothing": "clothing",
    "clothing_accessories": "accessories",
    "sport_shoes": "footwear",
    "other_shoes": "footwear",
    "eyewear": "accessories",
    "bags": "accessories",
    "watches": "watches",
    "jewellery": "accessories",
    "mobile_phones": "mobile_phones",
    "mobile_phone_parts": "mobile_phones",
    "audio_video": "electronic_appliances",
    "memory": "computers",
    "ink_toner": "computers",
    "computer_equipment": "computers",
    "other_equipment": "electronic_appliances",
    "recorded_media": "phonographic_products",
    "unrecorded_media": "phonographic_products",
    "toys": "games_toys",
    "games": "games_toys",
    "sports": "games_toys",
    "cigarettes": "tobacco",
    "other_tobacco": "tobacco",
    "medical_products": "pharmaceuticals",
    "machines_tools": "other",
    "vehicles_parts": "transportation_spare_parts",
    "office_stationery": "other",
    "lighters": "other",
    "labels": "other",
    "textiles": "textiles",
    "packaging": "other",
    "other": "other",
}
"""The WCO category that an EU sector falls under, for filters and rules; the record keeps what was written."""

IPR_TYPES: Final[Table] = {
    "trademark": "Trade mark|trademark|trademarks|trade marks|brand|tm|word mark|figurative mark",
    "copyright": "Copyright and related rights|copyright|copyrights|related rights|neighbouring rights|author's rights",
    "design": "Design|design and model|designs|design right|industrial design|registered design|design patent",
    "patent": "Patent|patents|invention patent",
    "utility_model": "Utility model|utility models|petty patent",
    "spc": "Supplementary protection certificate|SPC",
    "geographical_indication": "Geographical indication|gi|geographical indications|designation of origin|pdo|pgi|aoc",
    "plant_variety": "Plant variety right|plant variety|plant varieties|breeders' right",
    "topography": "Topography of semiconductor products|topography|semiconductor topography|integrated circuit layout",
    "trade_name": "Trade name|trade names|company name",
}

VALUE_BASES: Final[Table] = {
    "declared": "Declared value|declared|customs value|invoice value",
    "retail_genuine": "Retail value of the genuine goods|msrp|retail genuine|genuine retail value|equivalent genuine retail value|retail",
    "customs_appraisal": "Customs appraisal|appraised|appraisal|customs valuation",
    "duty_paid": "Duty-paid value|duty paid|dpv",
    "damage": "Damage to right holders|damage|loss to right holders",
    "damage_prevented": "Damage prevented|prevented damage",
    "tax_loss": "Tax loss|loss of revenue|duties and taxes evaded|taxes evaded",
    "market": "Value on the illicit market|street value|market value|black market value",
    "estimated": "Estimate, basis not told|estimated|estimate|estimated value",
}

OUTCOMES: Final[Table] = {
    "suspended": "Release suspended|suspended|suspension of release",
    "detained": "Detained|detention|withheld|retained",
    "seized": "Seized|seizure|confiscation ordered",
    "destroyed": "Destroyed|destruction|destroyed under the standard procedure",
    "small_consignment_destroyed": "Destroyed as a small consignment|small consignment procedure",
    "proceedings": "Proceedings opened|court case|proceedings|criminal proceedings|civil proceedings",
    "settled": "Settled|settlement|out-of-court settlement",
    "released_no_response": "Released: the right holder did not answer|no action by right holder",
    "released_genuine": "Released: genuine goods|original goods|genuine goods",
    "released_not_infringing": "Released: no infringement found|non-infringing situation",
    "released": "Released|release",
    "abandoned": "Abandoned|abandonment|abandoned to the state",
    "forfeited": "Forfeited|forfeiture|confiscated",
}

DATE_KINDS: Final[Table] = {
    "found": "Found|discovered|intercepted",
    "detained": "Detained|detention",
    "seized": "Seized|seizure",
    "destroyed": "Destroyed|destruction",
    "published": "Published|publication|announced",
}

ROUTE_ROLES: Final[Table] = {
    "origin": "Origin|country of origin|production|made in",
    "departure": "Departure|country of departure|provenance|country of dispatch|exported from|consigned from",
    "transit": "Transit|country of transit|via",
    "destination": "Destination|country of destination|bound for",
}
