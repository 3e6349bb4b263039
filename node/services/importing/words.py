"""Which code a piece of text means, also when it is written in another language than English.

The code lists (`federation.records.codes`) know codes, English labels and synonyms. Here stand country names
in seven more languages, from the translations that come with `pycountry`, and the everyday customs words of
these languages. A text that is still unknown stays text: nothing is guessed by likeness, since Niger is like
Nigeria.
"""

# ruff: noqa: E501, RUF001 - a table of words in eight scripts, one code a line

from __future__ import annotations

import gettext
import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Final

from federation.records import codes
from node.services.importing.values import fold

_LOCALES: Final = ("fr", "es", "de", "pt", "ar", "ru", "zh_CN")

_ARABIC_MARKS: Final = re.compile("[\u064b-\u065f\u0670\u0640]")
_ARABIC_FORMS: Final = str.maketrans(
    {"\u0623": "\u0627", "\u0625": "\u0627", "\u0622": "\u0627", "\u0649": "\u064a", "\u0629": "\u0647"}
)

_WORDS: Final = {
    # Short names that the library's translations lack, or have for another country: they win over those.
    "country": {
        "RU": "russie|rusia|russland|rússia|روسيا|россия|рф",
        "US": "états-unis d'amérique|etats-unis|estados unidos de américa|eeuu|ee.uu.|usa|eua|أمريكا|الولايات المتحدة الأمريكية|сша|美国",
        "GB": "grande-bretagne|angleterre|gran bretaña|inglaterra|großbritannien|england|grã-bretanha|بريطانيا|великобритания|англия|英国",
        "AE": "eau|eau émirats|eau (émirats)|emiratos|vae|emirate|الإمارات|الامارات العربية|оаэ|эмираты|阿联酋",
        "SA": "السعودية|المملكة العربية السعودية",
        "KR": "corée|coreia|كوريا الجنوبية|корея|韩国",
        "KP": "كوريا الشمالية",
        "TW": "تايوان|тайвань|台湾|中国台湾",
        "VN": "viet nam|فيتنام",
        "VE": "فنزويلا",
        "SY": "سوريا|сирия",
        "LY": "ليبيا|ливия",
        "IR": "إيران",
        "LA": "لاوس",
        "MD": "مولدوفا",
        "MV": "المالديف|мальдивы",
        "CZ": "tchéquie|república checa|tschechien|чехия",
        "NL": "pays-bas|hollande|holanda|países bajos|niederlande|هولندا|голландия",
        "HK": "香港特别行政区|гонконг",
        "MO": "澳门|macao",
        "BY": "белоруссия|biélorussie|bielorrusia|weißrussland|روسيا البيضاء",
        "CD": "rdc|rd congo|congo-kinshasa|kongo-kinshasa|الكونغو الديمقراطية",
        "CG": "congo-brazzaville|الكونغو برازافيل",
        "CI": "كوت ديفوار",
        "XK": "kosovo|kosovë|كوسوفو|косово|科索沃",
        "EU": "union européenne|unión europea|europäische union|união europeia|الاتحاد الأوروبي|европейский союз|ес|欧盟",
    },
    "procedure": {
        "import": "importación|importacion|einfuhr|importação|importacao|استيراد|импорт|ввоз|进口|importazione|import",
        "export": "exportación|exportacion|ausfuhr|exportação|exportacao|تصدير|экспорт|вывоз|出口|esportazione",
        "transit": "tránsito|transito|durchfuhr|versand|trânsito|عبور|ترانزيت|транзит|过境|转运|transit douanier",
        "warehouse": "entrepôt|entrepot|entrepôt douanier|depósito|deposito aduanero|zolllager|entreposto|مستودع|склад|таможенный склад|保税仓库",
        "transshipment": "transbordement|transbordo|transbordo de mercancías|umladung|baldeação|مسافنة|перегрузка|перевалка|转船",
        "free_zone": "zone franche|zona franca|freizone|zona livre|منطقة حرة|свободная зона|自由区",
        "free_port": "port franc|puerto franco|freihafen|porto franco|ميناء حر|свободный порт|порто-франко|自由港",
        "postal_shipment": "envoi postal|envío postal|postsendung|remessa postal|طرد بريدي|почтовое отправление|邮递|邮件",
        "internet_order": "commande internet|commande en ligne|pedido por internet|internetbestellung|encomenda pela internet|طلب عبر الإنترنت|интернет-заказ|网购",
    },
    "conveyance": {
        "sea": "mer|maritime|navire|mar|marítimo|maritimo|buque|seeverkehr|schiff|see|navio|بحر|بحري|بحرا|морской|море|по морю|морем|судно|海运|海上",
        "air": "avion|aérien|aerien|aéreo|aereo|avión|luft|flugzeug|luftverkehr|avião|جو|جوي|جوا|воздушный|авиа|самолет|空运|航空",
        "road": "route|routier|camion|carretera|camión|terrestre|straße|strasse|lkw|estrada|rodoviário|caminhão|بر|بري|برا|автомобильный|автотранспорт|авто|公路|陆运",
        "rail": "ferroviaire|ferrocarril|tren|schiene|bahn|ferroviário|سكة حديد|قطار|железнодорожный|ж/д|铁路",
        "post": "poste|postal|correo|correos|postverkehr|correio|بريد|почта|почтовый|邮政|邮递",
        "express": "fret express|mensajería|kurier|courrier express|بريد سريع|экспресс|快递",
        "inland_waterway": "fluvial|navigation intérieure|fluvial interior|binnenschiff|binnenschifffahrt|نهري|речной|внутренний водный|内河",
        "pedestrian": "piéton|à pied|peatón|a pie|zu fuß|fußgänger|pedestre|a pé|مشاة|пешеход|пешком|行人",
    },
    "unit": {
        "H87": "pièces|pièce|unités|unité|articles|piezas|unidades|unidad|artículos|stücke|stk|peças|peça|قطعة|قطع|وحدة|шт|шт.|штук|штуки|штука|单位|件|个",
        "PR": "paires|paire|pares|par|paar|paare|زوج|أزواج|пар|пары|пара|双|对",
        "KGM": "kilogrammes|kilogramos|kilogramm|quilogramas|quilos|كغ|كجم|كيلوغرام|كيلو|кг|килограмм|килограммов|千克|公斤",
        "GRM": "gramos|gramm|gramas|غرام|грамм|克",
        "LTR": "litros|liter|لتر|литр|литров|л|升",
        "MTR": "mètres|metros|متر|метр|метров|米",
        "MTK": "mètres carrés|metros cuadrados|quadratmeter|metros quadrados|متر مربع|кв.м|кв. м|м2|平方米",
        "TNE": "tonnes métriques|toneladas|tonnen|طن|тонн|тонна|т|吨",
        "SET": "jeux|juegos|sätze|satz|conjuntos|jogos|طقم|комплект|комплектов|套",
        "STK": "cigarillos sueltos|zigaretten|cigarros unidades|سيجارة|сигарет|支",
    },
    "traffic": {
        "freight": "fret|carga|fracht|frachtverkehr|شحن|بضائع|груз|грузовой|货运",
        "passenger": "passager|passagers|voyageur|voyageurs|pasajeros|viajeros|reiseverkehr|reisende|passageiros|مسافرون|ركاب|пассажирский|пассажиры|旅客",
    },
    "location_type": {
        "seaport": "port maritime|puerto|puerto marítimo|seehafen|hafen|porto|porto marítimo|ميناء|ميناء بحري|морской порт|порт|海港|港口",
        "airport": "aéroport|aeropuerto|flughafen|aeroporto|مطار|аэропорт|机场",
        "land_border": "frontière terrestre|frontera terrestre|landgrenze|fronteira terrestre|منفذ بري|сухопутная граница|陆路口岸|陆地边境",
        "mail_centre": "centre de tri postal|centro postal|postzentrum|centro de correios|مركز بريد|почтовый центр|邮件中心",
        "warehouse": "entrepôt|almacén|lagerhaus|lager|armazém|مخزن|مستودع|склад|仓库",
        "market": "marché|mercado|markt|سوق|рынок|市场",
        "free_zone": "zone franche|zona franca|freizone|منطقة حرة|свободная зона|自由贸易区",
    },
    "wco_category": {
        "clothing": "vêtements|ropa|prendas de vestir|kleidung|bekleidung|vestuário|roupas|ملابس|одежда|服装|衣服",
        "footwear": "chaussures|calzado|zapatos|schuhe|calçados|calçado|أحذية|обувь|鞋|鞋类",
        "watches": "montres|relojes|uhren|relógios|ساعات|часы|手表",
        "toiletries_cosmetics": "cosmétiques|parfums|cosméticos|perfumes|kosmetik|parfüm|مستحضرات تجميل|عطور|косметика|парфюмерия|化妆品",
        "pharmaceuticals": "médicaments|medicamentos|arzneimittel|medikamente|fármacos|أدوية|лекарства|медикаменты|药品",
        "games_toys": "jouets|juguetes|spielzeug|brinquedos|ألعاب|игрушки|玩具",
        "accessories": "accessoires|sacs|accesorios|bolsos|accessoires de mode|taschen|acessórios|bolsas|إكسسوارات|حقائب|аксессуары|сумки|配饰|箱包",
        "electronic_appliances": "électronique|appareils électroniques|electrónica|elektronik|elektrogeräte|eletrônicos|eletrónicos|إلكترونيات|أجهزة كهربائية|электроника|电子产品",
        "mobile_phones": "téléphones|teléfonos|móviles|handys|mobiltelefone|telefones|celulares|هواتف|телефоны|手机",
        "tobacco": "cigarettes de contrefaçon|tabac|cigarrillos|tabaco|zigaretten|tabak|cigarros|سجائر|تبغ|сигареты|табак|香烟|烟草",
        "alcohol": "alcools|alcohol|bebidas alcohólicas|alkohol|bebidas alcoólicas|álcool|كحول|алкоголь|酒",
        "foodstuff_soft_drinks": "aliments|denrées alimentaires|alimentos|lebensmittel|مواد غذائية|أغذية|продукты питания|食品",
        "transportation_spare_parts": "pièces détachées|pièces automobiles|repuestos|autopartes|ersatzteile|autoteile|autopeças|peças de automóveis|قطع غيار|запчасти|автозапчасти|汽车配件",
        "textiles": "textilien|têxteis|منسوجات|текстиль|纺织品",
        "other": "autre|autres|otros|otro|sonstige|sonstiges|andere|outros|أخرى|прочее|другое|其他",
    },
    "ipr_type": {
        "trademark": "marque|marques|marca|marcas|marke|markenrecht|marca registrada|علامة تجارية|товарный знак|商标",
        "copyright": "droit d'auteur|droits d'auteur|derecho de autor|derechos de autor|urheberrecht|direito de autor|direitos autorais|حق المؤلف|авторское право|著作权|版权",
        "design": "dessin ou modèle|dessins et modèles|diseño industrial|diseño|geschmacksmuster|designrecht|desenho industrial|desenho ou modelo|تصميم صناعي|промышленный образец|外观设计",
        "patent": "brevet|brevets|patente|patentes|brevet d'invention|براءة اختراع|патент|专利",
        "geographical_indication": "indication géographique|indicación geográfica|geografische angabe|indicação geográfica|مؤشر جغرافي|географическое указание|地理标志",
    },
    "outcome": {
        "seized": "saisi|saisie|incautado|decomisado|beschlagnahmt|apreendido|مضبوط|مصادرة|изъято|изъят|查获|扣押",
        "detained": "retenu|retenue|retenido|zurückgehalten|retido|محتجز|задержано|задержан|扣留",
        "destroyed": "détruit|destruction|destruido|vernichtet|destruído|إتلاف|أتلف|уничтожено|уничтожен|销毁",
        "suspended": "suspendu|suspendido|ausgesetzt|suspenso|معلق|приостановлено|中止放行",
    },
}  # fmt: skip


@lru_cache(maxsize=20_000)
def match(list_name: str, text: str) -> str | None:
    """Return the code of the list that the text means, or None."""
    text = unicodedata.normalize("NFC", text)
    return codes.match(list_name, text) or _local(list_name).get(_plain(text))


def _plain(text: str) -> str:
    """Return a word for comparing: lower case, Arabic without vowel signs, one form of alef, yeh and heh."""
    word = fold(text).rstrip(".")
    return word if word.isascii() else _ARABIC_MARKS.sub("", word).translate(_ARABIC_FORMS)


@lru_cache(maxsize=64)
def _local(list_name: str) -> dict[str, str]:
    typed = {_plain(word): code for code, words in _WORDS.get(list_name, {}).items() for word in words.split("|")}
    return {**_countries(), **typed} if list_name == "country" else typed


def _countries() -> dict[str, str]:
    """Names of countries in other languages; a name that two countries share means neither."""
    # Read at the first foreign name and not at every start: the library's data is a few megabytes.
    import pycountry  # noqa: PLC0415

    found: dict[str, str] = {}
    doubtful: set[str] = set()
    for locale in _LOCALES:
        path = Path(pycountry.LOCALES_DIR) / locale / "LC_MESSAGES" / "iso3166-1.mo"
        if not path.is_file():
            continue
        with path.open("rb") as stream:
            translate = gettext.GNUTranslations(stream).gettext
        for country in pycountry.countries:
            for name in {country.name, getattr(country, "common_name", country.name)}:
                word = _plain(translate(name))
                if found.setdefault(word, country.alpha_2) != country.alpha_2:
                    doubtful.add(word)
    return {word: code for word, code in found.items() if word not in doubtful}
