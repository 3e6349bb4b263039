"""What the columns of other people's workbooks are called, in eight languages.

The first name of each language is also the header that the product's template uses in that language. Names of
other languages reach a field through their likeness to one of these.
"""

# ruff: noqa: E501, RUF001 - a table of names in eight scripts, one field a line

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from node.services.importing.fields import FIELDS
from node.services.importing.values import fold

LANGUAGES: Final = ("en", "fr", "es", "de", "pt", "ar", "ru", "zh")

# en ; fr ; es ; de ; pt ; ar ; ru ; zh. Names of one language are set apart by bars.
_NAMES: Final = {
    "reference": "Reference|Ref|Reference number|Ref No|Case number|Case no|Case reference|Case ID|Seizure number|Seizure no|Seizure ID|File number|ID|Number;Référence|Réf|Numéro d'affaire|N° d'affaire|Numéro de dossier|N° dossier|Numéro de saisie;Referencia|Número de caso|N.º de expediente|Expediente|Número de incautación|Número de acta;Aktenzeichen|Referenz|Fallnummer|Vorgangsnummer|Geschäftszeichen|AZ;Referência|Número do processo|Processo|Número da apreensão|N.º do auto;المرجع|رقم المرجع|رقم القضية|رقم الضبط|رقم الضبطية|رقم المحضر;Номер дела|Ссылка|Референс|Регистрационный номер|Номер изъятия|Номер протокола;编号|案件编号|案号|参考号",
    "administration": "Administration|Reporting administration|Reporting country|Seizing country|Customs administration|Country of seizure|Country|Country code;Administration déclarante|Administration|Pays de saisie|Pays déclarant|Pays;Administración|País de incautación|País informante|País declarante|País;Verwaltung|Zollverwaltung|Meldendes Land|Land der Beschlagnahme|Land;Administração|País da apreensão|País declarante|País;الإدارة|الإدارة الجمركية|بلد الضبط|الدولة|البلد;Администрация|Таможенная администрация|Страна изъятия|Страна;主管机关|海关|查获国家|国家",
    "line": "Line|Line number|Item|Item number|Line no;Ligne|N° de ligne;Línea|Número de línea;Position|Zeile|Pos;Linha|Número da linha;السطر|رقم البند;Позиция|Номер строки;行号|项号",
    "found_on": "Found on|Date found|Date of discovery|Discovery date|Interception date;Date de découverte|Découvert le;Fecha de hallazgo|Fecha de detección;Funddatum|Aufgefunden am;Data da descoberta|Data da detecção;تاريخ الاكتشاف;Дата обнаружения;发现日期",
    "detained_on": "Detained on|Date of detention|Detention date|Suspension date;Date de retenue|Retenu le;Fecha de retención;Datum der Zurückhaltung|Aussetzung am;Data da retenção;تاريخ الاحتجاز;Дата задержания;扣留日期",
    "seized_on": "Seized on|Date of seizure|Seizure date|Date|Date seized|Event date;Date de saisie|Saisi le|Date de la saisie|Date;Fecha de incautación|Fecha de decomiso|Fecha del comiso|Fecha;Datum der Beschlagnahme|Beschlagnahmt am|Sicherstellungsdatum|Aufgriffsdatum|Datum;Data da apreensão|Data de apreensão|Data;تاريخ الضبط|تاريخ المصادرة|تاريخ الحجز|التاريخ;Дата изъятия|Дата конфискации|Дата;查获日期|扣押日期|日期",
    "destroyed_on": "Destroyed on|Date of destruction|Destruction date;Date de destruction|Détruit le;Fecha de destrucción;Datum der Vernichtung|Vernichtet am;Data da destruição;تاريخ الإتلاف;Дата уничтожения;销毁日期",
    "published_on": "Published on|Publication date|Date published|Release date;Date de publication|Publié le;Fecha de publicación;Veröffentlicht am|Veröffentlichungsdatum;Data de publicação;تاريخ النشر;Дата публикации;发布日期",
    "office": "Customs office|Office|Place|Place of seizure|Location|Port|Station|Customs house|Border post;Bureau de douane|Bureau|Lieu de saisie|Lieu;Aduana|Oficina|Oficina de aduana|Lugar|Lugar de incautación;Zollstelle|Zollamt|Ort|Dienststelle|Hauptzollamt;Alfândega|Estância aduaneira|Posto aduaneiro|Local|Local da apreensão|Unidade;المكتب الجمركي|الجمرك|المنفذ|مكان الضبط|المركز الجمركي;Таможенный орган|Таможня|Таможенный пост|Место изъятия|Место;海关办公室|口岸|地点|查获地点",
    "location_type": "Type of place|Location type|Place type|Type of location;Type de lieu;Tipo de lugar;Art des Ortes|Ortstyp;Tipo de local;نوع المكان|نوع الموقع;Тип места|Вид места;地点类型",
    "unlocode": "UN/LOCODE|LOCODE|Unlocode|Port code;UN/LOCODE;UN/LOCODE;UN/LOCODE;UN/LOCODE;رمز الميناء;Код UN/LOCODE;港口代码",
    "procedure": "Customs procedure|Procedure|Regime|Customs regime;Régime douanier|Régime|Procédure;Régimen aduanero|Régimen|Procedimiento;Zollverfahren|Verfahren;Regime aduaneiro|Regime|Procedimento;الإجراء الجمركي|النظام الجمركي|الوضع الجمركي;Таможенная процедура|Процедура|Таможенный режим;海关程序|监管方式",
    "traffic": "Traffic|Traffic type|Freight or passenger;Type de trafic|Trafic;Tipo de tráfico|Tráfico;Verkehrsart;Tipo de tráfego|Tráfego;نوع الحركة;Вид движения;货运或旅客",
    "basis": "Intervention basis|Basis of intervention|Legal basis of intervention;Fondement de l'intervention;Base de la intervención;Grundlage des Tätigwerdens;Base da intervenção;أساس التدخل;Основание вмешательства;执法依据",
    "application": "Application number|AFA number|Application for action;Numéro de demande d'intervention|Demande d'intervention;Número de solicitud;Antragsnummer|Nummer des Antrags;Número do pedido;رقم الطلب;Номер заявления|Номер в ТРОИС;申请号|备案号",
    "detection": "Detection method|Detection|How detected|Method of detection|Means of detection;Mode de détection|Détection|Méthode de détection;Método de detección|Detección;Entdeckungsart|Feststellungsmethode|Aufgriffsart;Método de detecção|Detecção;طريقة الكشف|وسيلة الكشف;Метод выявления|Способ обнаружения;查获方式|发现方式",
    "conveyance": "Means of transport|Mode of transport|Conveyance|Transport mode|Transport;Moyen de transport|Mode de transport|Transport;Medio de transporte|Modo de transporte|Transporte;Verkehrsmittel|Transportmittel|Verkehrszweig|Beförderungsart;Meio de transporte|Modo de transporte|Transporte;وسيلة النقل|واسطة النقل|طريقة النقل;Вид транспорта|Транспорт|Транспортное средство;运输方式|运输工具",
    "containers": "Container numbers|Container number|Container no|Container|Containers;Numéro de conteneur|Conteneur;Número de contenedor|Contenedor;Containernummer|Container;Número do contêiner|Contentor|Contêiner;رقم الحاوية|الحاوية;Номер контейнера|Контейнер;集装箱号",
    "imo": "Ship (IMO number)|IMO number|IMO|Vessel IMO;Numéro OMI;Número OMI;IMO-Nummer;Número IMO;رقم المنظمة البحرية;Номер ИМО;国际海事组织编号",
    "flight": "Flight|Flight number|Flight no;Vol|Numéro de vol;Vuelo|Número de vuelo;Flug|Flugnummer;Voo|Número do voo;الرحلة|رقم الرحلة;Рейс|Номер рейса;航班|航班号",
    "awb": "Air waybill|AWB|Air waybill number;Lettre de transport aérien|LTA;Guía aérea|Conocimiento aéreo;Luftfrachtbrief;Conhecimento aéreo;بوليصة الشحن الجوي;Авианакладная;空运单",
    "bill_of_lading": "Bill of lading|B/L|BL number|Bill of lading number;Connaissement;Conocimiento de embarque;Konnossement|Seefrachtbrief;Conhecimento de embarque;بوليصة الشحن;Коносамент;提单|提单号",
    "seals": "Seals|Seal number|Seal;Scellés|Numéro de scellé;Precintos|Sellos;Siegel|Plombe|Plomben;Selos|Lacre;الأختام|رقم الختم;Пломбы|Номер пломбы;封志号",
    "origin": "Country of origin|Origin|Origin country|Made in;Pays d'origine|Origine;País de origen|Origen;Ursprungsland|Ursprung|Herkunftsland|Herkunft;País de origem|Origem;بلد المنشأ|المنشأ|بلد الأصل;Страна происхождения|Происхождение;原产国|原产地",
    "departure": "Country of departure|Departure|Provenance|Country of dispatch|From|Country of export|Coming from|Sent from;Pays de provenance|Provenance|Pays de départ|Pays d'expédition;País de procedencia|Procedencia|País de salida;Versendungsland|Abgangsland|Absendeland;País de procedência|Procedência|País de partida;بلد المغادرة|بلد التصدير|بلد القدوم|جهة القدوم;Страна отправления|Отправление|Страна вывоза;启运国|起运国|启运地",
    "transit": "Transit countries|Transit|Country of transit|Via|Transit country;Pays de transit|Transit;País de tránsito|Países de tránsito|Tránsito;Transitland|Transitländer|Durchfuhrland;País de trânsito|Países de trânsito|Trânsito;بلد العبور|العبور|دولة الترانزيت;Страна транзита|Транзит;中转国|过境国",
    "destination": "Country of destination|Destination|Destination country|To|Bound for;Pays de destination|Destination;País de destino|Destino;Bestimmungsland|Zielland;País de destino|Destino;بلد الوصول|بلد المقصد|الوجهة|المقصد;Страна назначения|Назначение;目的国|目的地",
    "discovered_in": "Country of discovery|Discovered in;Pays de découverte;País de descubrimiento;Land der Entdeckung;País da descoberta;بلد الاكتشاف;Страна обнаружения;发现国",
    "concealment": "Concealment|Concealment method|Method of concealment|How hidden|False declaration;Dissimulation|Mode de dissimulation|Méthode de dissimulation;Ocultación|Método de ocultación|Ocultamiento;Versteck|Verbergungsmethode|Versteckart;Ocultação|Método de ocultação;طريقة الإخفاء|الإخفاء;Способ сокрытия|Сокрытие;藏匿方式|夹藏方式",
    "modus": "Modus operandi;Mode opératoire;Modo de operar;Modus Operandi|Vorgehensweise;Modo de operação;أسلوب التهريب;Способ совершения;作案手法",
    "cover_load": "Cover load|Declared goods|Declared as;Chargement de couverture|Marchandise déclarée;Carga de cobertura|Mercancía declarada;Tarnladung|Angemeldete Ware;Carga de cobertura|Mercadoria declarada;الحمولة المصرح بها;Груз прикрытия|Заявленный товар;掩护货物|申报品名",
    "category": "Goods category|Category|Product category|Type of goods|Goods|Product type|Commodity;Catégorie de marchandises|Catégorie|Type de marchandise|Marchandises|Nature des marchandises;Categoría de mercancías|Categoría|Tipo de mercancía|Mercancías|Mercancía;Warenkategorie|Kategorie|Warenart|Ware|Waren|Produktkategorie;Categoria de mercadorias|Categoria|Tipo de mercadoria|Mercadoria|Mercadorias;فئة البضائع|نوع البضاعة|الفئة|البضاعة|الصنف;Категория товара|Категория|Вид товара|Товар|Товары;货物类别|商品类别|类别|货物",
    "hs": "HS code|HS|Tariff code|Commodity code|HS6|Tariff number|HTS;Code SH|SH|Code tarifaire|Position tarifaire;Código SA|Partida arancelaria|Código arancelario;HS-Code|Warennummer|Zolltarifnummer|Codenummer;Código SH|NCM|Código pautal|Código tarifário;رمز النظام المنسق|البند الجمركي|رمز التعرفة;Код ТН ВЭД|ТН ВЭД|Код ГС;HS编码|税则号|商品编码",
    "description": "Description of the goods|Description|Goods description|Product description|Product|Details of goods;Description des marchandises|Description|Désignation|Désignation des marchandises;Descripción de la mercancía|Descripción|Descripción de las mercancías;Warenbeschreibung|Beschreibung|Warenbezeichnung|Bezeichnung;Descrição da mercadoria|Descrição;وصف البضاعة|الوصف|وصف البضائع|البيان;Описание товара|Описание|Наименование товара|Наименование;货物描述|描述|品名|商品名称",
    "gtin": "GTIN|EAN|Barcode|UPC;GTIN|Code-barres|EAN;GTIN|Código de barras;GTIN|Strichcode|Barcode;GTIN|Código de barras;الباركود;Штрихкод;条形码",
    "health_safety": "Danger to health or safety|Health and safety|Health risk|Dangerous|Health safety;Danger pour la santé ou la sécurité|Santé et sécurité;Peligro para la salud o la seguridad|Salud y seguridad;Gefahr für Gesundheit oder Sicherheit|Gesundheitsgefahr;Perigo para a saúde ou segurança|Saúde e segurança;خطر على الصحة والسلامة|الصحة والسلامة;Опасность для здоровья|Здоровье и безопасность;健康安全风险",
    "quantity": "Quantity|Qty|Amount|Number of articles|Number of items|Pieces|Number of pieces|Units;Quantité|Qté|Nombre d'articles|Nombre de pièces;Cantidad|Cant|Número de artículos|Unidades;Menge|Anzahl|Stückzahl|Stück;Quantidade|Qtd|Qtde|Número de artigos;الكمية|العدد|عدد القطع;Количество|Кол-во|Количество единиц;数量|件数",
    "unit": "Unit|Unit of measure|UOM|Unit of quantity|Measure;Unité|Unité de mesure;Unidad|Unidad de medida;Einheit|Mengeneinheit|Maßeinheit;Unidade|Unidade de medida;الوحدة|وحدة القياس;Единица|Единица измерения|Ед. изм.;单位|计量单位",
    "packages": "Number of packages|Packages|Cartons|Parcels;Nombre de colis|Colis;Número de bultos|Bultos;Anzahl der Packstücke|Packstücke|Kolli;Número de volumes|Volumes;عدد الطرود|الطرود;Количество мест|Число мест|Места;包装件数",
    "package_type": "Type of package|Package type|Packaging type;Type de colis|Nature des colis;Tipo de bulto;Art der Packstücke|Packstückart;Tipo de volume;نوع الطرود;Вид упаковки;包装种类",
    "gross_mass": "Gross mass (kg)|Gross weight|Gross mass|Weight|Weight kg;Masse brute (kg)|Poids brut|Poids;Masa bruta (kg)|Peso bruto|Peso;Rohmasse (kg)|Bruttogewicht|Gewicht;Massa bruta (kg)|Peso bruto|Peso;الوزن الإجمالي (كغ)|الوزن الإجمالي|الوزن;Масса брутто (кг)|Вес брутто|Вес;毛重|重量",
    "value": "Value|Total value|Estimated value|Goods value;Valeur|Valeur totale|Valeur estimée|Montant;Valor|Valor total|Valor estimado|Importe;Wert|Gesamtwert|Warenwert|Betrag;Valor|Valor total|Valor estimado;القيمة|القيمة الإجمالية|القيمة التقديرية;Стоимость|Общая стоимость|Ценность;价值|金额|货值",
    "currency": "Currency|Value currency|Currency code;Devise|Monnaie;Moneda|Divisa;Währung|Währungscode;Moeda|Divisa;العملة;Валюта|Код валюты;币种|货币",
    "value_basis": "Basis of the value|Value basis|Value type|Type of value;Base de la valeur|Type de valeur;Base del valor|Tipo de valor;Wertgrundlage|Wertart;Base do valor|Tipo de valor;أساس القيمة|نوع القيمة;Основа стоимости|Вид стоимости;价值依据",
    "brands": "Brands|Brand|Trademark|Trade mark|Trademarks|Brand name|Mark;Marques|Marque|Marque contrefaite;Marcas|Marca;Marken|Marke|Markenname;Marcas|Marca;العلامات التجارية|العلامة التجارية|الماركة;Товарные знаки|Бренд|Марка|Товарный знак|Бренды;品牌|商标",
    "right_types": "Rights infringed|IP right|IPR type|Right|Type of right|IPR|Rights;Droits enfreints|Droit de propriété intellectuelle|Type de droit|DPI;Derechos infringidos|Derecho de propiedad intelectual|Tipo de derecho;Verletzte Rechte|Schutzrecht|Art des Rechts|Schutzrechte;Direitos infringidos|Direito de propriedade intelectual|Tipo de direito;الحقوق المنتهكة|نوع الحق|حق الملكية الفكرية;Нарушенные права|Вид права|Объект ИС;侵犯的权利|权利类型|知识产权类型",
    "registration": "Registration number|Trademark number;Numéro d'enregistrement;Número de registro;Registernummer|Registrierungsnummer;Número de registo;رقم التسجيل;Номер регистрации|Номер свидетельства;注册号",
    "registration_office": "Registration office|Register;Office d'enregistrement;Oficina de registro;Registerbehörde;Instituto de registo;مكتب التسجيل;Ведомство регистрации;注册机构",
    "nice": "Nice classes|Nice class|Class;Classes de Nice;Clases de Niza;Nizza-Klassen;Classes de Nice;فئات نيس;Классы МКТУ|МКТУ;尼斯分类",
    "right_holder": "Right holder|Rights holder|Rightholder|Right owner|Brand owner;Titulaire du droit|Titulaire;Titular del derecho|Titular;Rechtsinhaber;Titular do direito|Titular;صاحب الحق|مالك الحق;Правообладатель;权利人",
    "outcome": "Outcome|Result|Action taken|Decision|Status;Issue|Résultat|Suite donnée|Décision;Resultado|Desenlace|Decisión;Ergebnis|Ausgang|Maßnahme|Entscheidung;Resultado|Desfecho|Decisão;النتيجة|الإجراء المتخذ|القرار;Результат|Исход|Решение|Принятые меры;结果|处理结果",
    "outcome_on": "Outcome on|Date of outcome|Decision date;Date de la décision;Fecha de la decisión;Datum der Entscheidung;Data da decisão;تاريخ القرار;Дата решения;处理日期",
    "link_title": "Publication title|Source title|Title;Titre de la publication|Titre;Título de la publicación|Título;Titel der Veröffentlichung|Titel;Título da publicação|Título;عنوان المنشور|العنوان;Название публикации|Заголовок;标题",
    "link_publisher": "Publisher|Source|Source publisher;Éditeur|Source;Editor|Fuente;Herausgeber|Quelle;Editor|Fonte;الناشر|المصدر;Издатель|Источник;发布者|来源",
    "link_url": "Publication address|URL|Link|Source URL|Web address;Adresse de la publication|Lien|URL;Dirección de la publicación|Enlace|URL;Adresse der Veröffentlichung|Link|URL;Endereço da publicação|Ligação|URL;الرابط;Ссылка на публикацию|URL;链接|网址",
    "link_on": "Publication dated|Source date;Date de la source;Fecha de la fuente;Datum der Quelle;Data da fonte;تاريخ المصدر;Дата источника;来源日期",
    "consignor": "Consignor|Sender|Exporter|Shipper;Expéditeur|Exportateur;Remitente|Exportador|Expedidor;Versender|Absender|Ausführer;Expedidor|Remetente|Exportador;المرسل|المصدّر;Отправитель|Экспортер|Грузоотправитель;发货人|发件人",
    "consignee": "Consignee|Importer|Recipient|Receiver;Destinataire|Importateur;Destinatario|Importador|Consignatario;Empfänger|Einführer|Importeur;Destinatário|Importador|Consignatário;المرسل إليه|المستورد;Получатель|Импортер|Грузополучатель;收货人|收件人",
    "declarant": "Declarant|Customs agent|Broker;Déclarant;Declarante|Agente de aduanas;Anmelder|Zollagent;Declarante|Despachante;المصرح|المخلص الجمركي;Декларант;报关人|申报人",
    "carrier": "Carrier|Transporter;Transporteur;Transportista;Beförderer|Frachtführer;Transportador|Transportadora;الناقل;Перевозчик;承运人",
    "traveller": "Traveller|Passenger|Traveller name;Voyageur;Viajero;Reisender;Viajante;المسافر;Пассажир;旅客",
    "documents": "Document numbers|Document number|Declaration number|Customs declaration;Numéros de documents|Numéro de déclaration;Números de documentos|Número de declaración;Dokumentnummern|Anmeldenummer|MRN;Números de documentos|Número da declaração;أرقام الوثائق|رقم البيان الجمركي;Номера документов|Номер декларации;单证号|报关单号",
    "tracking": "Tracking numbers|Tracking number|Parcel number;Numéros de suivi|Numéro de suivi;Números de seguimiento|Número de seguimiento;Sendungsnummern|Sendungsnummer;Números de rastreio|Número de rastreio;أرقام التتبع|رقم التتبع;Номера отслеживания|Трек-номер;运单号|快递单号",
    "plates": "Vehicle plates|Plate|Licence plate|Registration plate;Plaques d'immatriculation|Immatriculation;Matrículas|Matrícula|Placa;Kennzeichen;Matrículas|Placa;لوحات المركبات|رقم اللوحة;Номера машин|Госномер;车牌|车牌号",
    "narrative": "Narrative|Remarks|Comments|Notes|Summary|Free text;Récit|Observations|Remarques|Commentaires;Relato|Observaciones|Comentarios;Sachverhalt|Bemerkungen|Anmerkungen;Relato|Observações|Comentários;السرد|ملاحظات;Описание обстоятельств|Примечания|Примечание|Комментарий;备注|说明",
}  # fmt: skip


@lru_cache(maxsize=1)
def synonyms() -> dict[str, tuple[str, ...]]:
    """Folded header name to the fields it may mean, the likeliest first.

    A field's own name always means it.
    """
    found: dict[str, list[str]] = {}
    for name, field in FIELDS.items():
        for text in (name, field.label):
            found.setdefault(fold_header(text), []).append(name)
    for name, text in _NAMES.items():
        for names in text.split(";"):
            for header in names.split("|"):
                known = found.setdefault(fold_header(header), [])
                if name not in known:
                    known.append(name)
    return {header: tuple(names) for header, names in found.items()}


def label_in(name: str, language: str) -> str:
    """Return the template's header of a field in a language; English where there is none.

    >>> label_in("reference", "de"), label_in("value_2", "fr")
    ('Aktenzeichen', 'Second value')
    """
    if language == "en" or name not in _NAMES:
        return FIELDS[name].label
    texts = _NAMES[name].split(";")
    return texts[LANGUAGES.index(language)].split("|")[0]


def fold_header(text: str) -> str:
    """Return a header for comparing: lower case, marks and separators as single spaces.

    >>> fold_header("  Réf_No. "), fold_header("N° d'affaire")
    ('réf no', 'n d affaire')
    """
    kept = (sign if sign.isalnum() or unicodedata.category(sign).startswith("M") else " " for sign in fold(text))
    return " ".join("".join(kept).split())
