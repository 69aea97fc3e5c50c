"""The texts of the simulated world: file names of the kinds that have hurt, and harmless ones."""

HOSTILE_NAMES = (
    "../../../etc/passwd.jpg",
    "..\\..\\windows\\system32\\evil.pdf",
    "kitchen/under sink.jpg",
    "C:\\Users\\pat\\photo.jpg",
    "..%2F..%2Fescape.jpg",
    "a:b|c?d*e<f>g.jpg",
    "Фото кухни 1.jpg",
    "写真-台所.jpg",
    "cafe\u0301 e\u0301tage.pdf",
    "invoice\u202egpj.pdf",
    "line\nbreak\tand tab.jpg",
    "nul\x00byte.jpg",
    "CON.jpg",
    ".hidden.jpg",
    "trailing dots...",
    "   spaces around   .jpg",
    "😀😀 emoji.jpg",
    "quote\"and'apostrophe.jpg",
    "query?x=1&y=2#frag.jpg",
    "long-" + "n" * 300 + ".jpg",
    "..",
    "no_extension",
)
PLAIN_STEMS = (
    "IMG_0042",
    "kitchen",
    "roof north",
    "estimate",
    "receipt (1)",
    "hallway_2",
    "Scan 12",
    "walkthrough",
)
TWIN_NAME = "IMG_0042.jpg"
FIRST_NAMES = ("Pat", "Sam", "Lee", "Zoë", "José", "Mary-Ann", "Ōsawa", "O'Brien")
LAST_NAMES = ("Sample", "Example", "Müller", "Nguyễn", "van der Berg", "Smith; DROP TABLE", "李")
CITIES = ("Austin", "Salt Lake City", "Springfield", "San José")
TEMPLATE_NAMES = (
    "Cabinet Repair Form",
    "Roof Checklist",
    "Contents List",
    "Water Mitigation",
    "Photo Request",
)
LOSSES = ("Water Damage", "Fire", "Hail", "Wind", "Theft")
