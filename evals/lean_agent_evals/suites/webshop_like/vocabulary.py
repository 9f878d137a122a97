"""What the products of a seeded shop are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["BRAND_ENDS", "BRAND_STARTS", "DEPARTMENTS", "Department", "Kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of product. ``name`` is as in a title, ``query`` as a shopper searches for it; the
    prices, in dollars, are the lowest and the highest.
    """

    name: str
    query: str
    section: str
    prices: tuple[int, int]
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Department:
    """Attributes stand in an instruction before the type, behind "with", or behind "for"."""

    category: str
    root: str
    kinds: tuple[Kind, ...]
    before: tuple[str, ...]
    with_: tuple[str, ...]
    for_: tuple[str, ...]
    options: Mapping[str, tuple[str, ...]]


# fmt: off
BRAND_STARTS = (
    "Bel", "Cor", "Dra", "Elo", "Fen", "Gri", "Hul", "Ixo", "Jar", "Kel", "Lum", "Mor", "Nar",
    "Oll", "Pra", "Qui", "Ras", "Syl", "Tov", "Ulm", "Vax", "Wyn", "Yor", "Zem",
)
BRAND_ENDS = (
    "abrix", "ethra", "idune", "ockle", "umbar", "andrel", "ervix", "olune", "ustra", "yttle",
    "akoma", "infell", "orbeck", "ulvane", "espar", "itheon",
)
_COLOURS = (
    "black", "white", "navy", "grey", "red", "teal", "olive", "pink", "beige", "purple",
    "forest green", "sky blue",
)
_CLOTHES_SIZES = ("x-small", "small", "medium", "large", "x-large", "xx-large", "3x-large")

DEPARTMENTS = (
    Department(
        category="fashion",
        root="Clothing, Shoes & Jewelry",
        kinds=(
            Kind("Hoodie", "men's hoodies", "Men", (18, 60), ("color", "size")),
            Kind("T-Shirt", "men's t-shirts", "Men", (8, 30), ("color", "size", "fit type")),
            Kind("Cargo Pants", "men's pants", "Men", (20, 70), ("color", "size")),
            Kind("Tunic Dress", "women's dresses", "Women", (15, 80), ("color", "size")),
            Kind("Yoga Leggings", "women's leggings", "Women", (12, 45), ("color", "size")),
            Kind("Cardigan Sweater", "women's sweaters", "Women", (20, 65), ("color", "size")),
            Kind("Walking Sandals", "women's sandals", "Shoes", (18, 75), ("color", "shoe size")),
            Kind("Slip-On Loafers", "men's loafers", "Shoes", (25, 95), ("color", "shoe size")),
        ),
        before=("machine washable", "slim fit", "quick drying", "light weight", "moisture wicking",
                "hand wash", "stretch fabric", "water resistant"),
        with_=("long sleeve", "drawstring closure", "elastic waist", "rubber sole",
               "button closure", "memory foam", "side pockets", "polyester cotton"),
        for_=("daily wear", "gym workout", "everyday wear", "teen girls"),
        options={
            "color": _COLOURS,
            "size": _CLOTHES_SIZES,
            "fit type": ("men", "women", "youth"),
            "shoe size": ("6", "7", "7.5", "8", "9", "9.5", "10", "11", "12"),
        },
    ),
    Department(
        category="beauty",
        root="Beauty & Personal Care",
        kinds=(
            Kind("Face Serum", "face serums", "Skin Care", (9, 60), ("scent", "volume")),
            Kind("Hand Cream", "hand creams", "Skin Care", (5, 30), ("scent", "volume")),
            Kind("Hair Mask", "hair masks", "Hair Care", (7, 40), ("scent", "volume")),
            Kind("Dry Shampoo", "dry shampoos", "Hair Care", (6, 28), ("scent", "volume")),
            Kind("Electric Toothbrush", "toothbrushes", "Oral Care", (15, 120), ("shade",)),
            Kind("Makeup Brush Set", "makeup brushes", "Tools", (8, 50), ("shade",)),
            Kind("Lip Balm", "lip balms", "Makeup", (4, 18), ("scent",)),
            Kind("Nail Polish Kit", "nail polish", "Makeup", (6, 35), ("shade",)),
        ),
        before=("cruelty free", "long lasting", "paraben free", "alcohol free", "easy carry",
                "non toxic", "sulfate free", "fragrance free"),
        with_=("tea tree", "hyaluronic acid", "coconut oil", "natural ingredients", "green tea",
               "soft bristles", "argan oil", "vitamin complex"),
        for_=("sensitive skin", "dry skin", "damaged hair", "fine lines", "travel bags"),
        options={
            "scent": ("lavender", "rose", "citrus", "vanilla", "mint", "unscented", "jasmine"),
            "volume": ("1 fl oz", "2 fl oz", "4 fl oz", "8 fl oz", "16 fl oz"),
            "shade": ("ivory", "coral", "plum", "nude", "black", "silver", "rose gold"),
        },
    ),
    Department(
        category="electronics",
        root="Electronics",
        kinds=(
            Kind("Bluetooth Speaker", "portable speakers", "Audio", (15, 140), ("color",)),
            Kind("Wireless Earbuds", "earbuds", "Audio", (18, 160), ("color",)),
            Kind("Phone Case", "phone cases", "Accessories", (6, 35), ("color", "model")),
            Kind("Screen Film", "screen protectors", "Accessories", (5, 25), ("model", "pack")),
            Kind("Charging Cable", "charging cables", "Power", (5, 30), ("color", "length")),
            Kind("Power Bank", "power banks", "Power", (14, 90), ("color", "capacity")),
            Kind("Security Camera", "security cameras", "Video", (25, 220), ("color", "pack")),
            Kind("Tablet Stand", "tablet stands", "Accessories", (9, 45), ("color",)),
        ),
        before=("fast charging", "hands free", "easy install", "high definition", "dust proof",
                "ultra thin", "plug play", "heavy duty"),
        with_=("noise cancelling", "wireless charging", "motion detection", "stereo sound",
               "carbon fiber", "tempered glass", "night vision", "aluminum alloy"),
        for_=("home theater", "video calls", "outdoor sports", "car travel"),
        options={
            "color": _COLOURS,
            "model": ("nova 8", "nova 8 plus", "orbit 12", "orbit 12 mini", "pulse s", "pulse xl"),
            "length": ("3ft", "6ft", "10ft", "15ft"),
            "capacity": ("5000mah", "10000mah", "20000mah", "26800mah"),
            "pack": ("1 pack", "2 pack", "3 pack", "6 pack"),
        },
    ),
    Department(
        category="grocery",
        root="Grocery & Gourmet Food",
        kinds=(
            Kind("Protein Bars", "protein bars", "Snacks", (10, 45), ("flavor", "box")),
            Kind("Trail Mix", "trail mixes", "Snacks", (6, 32), ("flavor", "box")),
            Kind("Herbal Tea", "herbal teas", "Beverages", (5, 28), ("flavor", "box")),
            Kind("Ground Coffee", "ground coffees", "Beverages", (8, 42), ("roast", "box")),
            Kind("Pasta Sauce", "pasta sauces", "Pantry", (4, 22), ("flavor",)),
            Kind("Oat Granola", "granolas", "Breakfast", (5, 26), ("flavor", "box")),
            Kind("Rice Crackers", "crackers", "Snacks", (4, 20), ("flavor", "box")),
            Kind("Pancake Mix", "pancake mixes", "Breakfast", (5, 24), ("box",)),
        ),
        before=("gluten free", "sugar free", "dairy free", "plant based", "non gmo",
                "keto friendly", "low sodium", "ready eat"),
        with_=("dietary fiber", "natural flavors", "high protein", "sea salt", "whole grain",
               "resealable bag", "real fruit", "artificial colors"),
        for_=("gift baskets", "school lunches", "road trips"),
        options={
            "flavor": ("chocolate", "peanut butter", "berry", "lemon", "maple", "spicy chili",
                       "honey", "original"),
            "box": ("pack of 1", "pack of 4", "pack of 6", "pack of 12"),
            "roast": ("light roast", "medium roast", "dark roast", "decaf"),
        },
    ),
    Department(
        category="garden",
        root="Home & Kitchen",
        kinds=(
            Kind("Throw Blanket", "throw blankets", "Bedding", (15, 80), ("color", "size")),
            Kind("Pillow Cover", "decorative pillows", "Bedding", (7, 35), ("color", "size")),
            Kind("Area Rug", "area rugs", "Decor", (25, 260), ("color", "rug size")),
            Kind("Wall Clock", "wall clocks", "Decor", (14, 75), ("color",)),
            Kind("Floor Lamp", "floor lamps", "Lighting", (28, 180), ("color",)),
            Kind("Storage Ottoman", "ottomans", "Furniture", (30, 210), ("color",)),
            Kind("Desk Chair", "home office chairs", "Furniture", (60, 320), ("color",)),
            Kind("Window Curtains", "curtains", "Decor", (14, 90), ("color", "rug size")),
        ),
        before=("easy clean", "eco friendly", "space saving", "super soft", "stain resistant",
                "easy assemble", "double sided", "non slip"),
        with_=("solid wood", "faux leather", "printing technology", "steel frame", "lumbar support",
               "bronze finish", "glass shade", "storage space"),
        for_=("living room", "dining room", "guest bedroom", "small apartments"),
        options={
            "color": _COLOURS,
            "size": ("16 x 16 in", "18 x 18 in", "20 x 20 in", "50 x 60 in", "60 x 80 in"),
            "rug size": ("2 x 3 ft", "3 x 5 ft", "4 x 6 ft", "5 x 8 ft", "8 x 10 ft"),
        },
    ),
)
# fmt: on
