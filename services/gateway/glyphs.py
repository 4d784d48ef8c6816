"""Which words in a category's path call for which glyph of `glyphs.svg`, and the glyph's natural hue in degrees.

The words are sought in this order in each part of the path, from its end to its root.
"""

import re
from pathlib import Path

GLYPHS: dict[str, str] = dict(
    re.findall(r'^<g id="(\w+)">(.+)</g>$', Path(__file__).with_name("glyphs.svg").read_text(), re.MULTILINE)
)
"""The inside of each glyph, by name."""

WORDS: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("pizza", 16, ("PIZZA",)),
    ("ice", 330, ("ICE CREAM", "SHERB", "NOVELTIES", "ICE - ", "WTR ICE", "FRZN ICE")),
    ("egg", 42, ("EGGS",)),
    ("cheese", 46, ("CHEESE",)),
    ("baby", 205, ("BABY", "INFANT", "DIAPER")),
    ("paw", 28, ("DOG", "CAT FOOD", "CAT LITTER", "PET CARE")),
    ("mug", 22, ("COFFEE", "TEAS", " TEA", "COCOA")),
    ("wine", 345, ("WINE", "LIQUOR", "CHAMPAGNE")),
    ("beer", 40, ("BEER", "ALES")),
    ("can", 6, ("SOFT DRINK", "SFT DRNK", "SOUP", "CANNED", "BEANS", "SHELF STABLE", "ENERGY")),
    (
        "bottle",
        195,
        (
            "WATER",
            "SODA",
            "SYRUP",
            "OIL",
            "ISOTONIC",
            "DRNK",
            "BEVERAGE",
            "SALD DRS",
            "DRESSING",
            "VINEGAR",
            "FRAGRANCE",
        ),
    ),
    ("carton", 212, ("MILK", "JUICE", "CREAM", "DAIRY")),
    ("tub", 285, ("YOGURT", "MARGARIN", "DIP", "PUDDING", "SALADS", "BUTTER", "REFRIGERATED")),
    ("cookie", 30, ("COOKIE", "CRACKER")),
    ("cake", 325, ("CAKE", "PIE", "SWEET GOODS", "DESSERT", "DONUT", "PARTY")),
    ("bread", 32, ("BREAD", "BUNS", "ROLLS", "DOUGH", "BAGEL", "MUFFIN", "TOAST")),
    ("fish", 200, ("SEAFOOD", "FISH", "SHRIMP", "TUNA", "SUSHI")),
    ("sausage", 8, ("SAUSAGE", "HOT DOG", "LUNCHMEAT", "DELI MEAT", "BACON", "SMOKED", "PEPPERONI")),
    ("drumstick", 28, ("CHICKEN", "TURKEY", "POULTRY", "FOWL")),
    ("frozen", 208, ("FRZN", "FROZEN")),
    ("steak", 355, ("MEAT", "BEEF", "PORK", "LAMB", "VEAL")),
    (
        "jar",
        14,
        ("JELLY", "JAM", "PNT BTR", "SAUCE", "PICKLE", "OLIVE", "CONDIMENT", "SPICE", "RELISH", "HONEY", "MAYO"),
    ),
    ("bag", 36, ("SNACK", "CHIPS", "CANDY", "NUTS", "POPCORN", "PRETZEL", "FLOUR", "SUGAR", "CHARCOAL")),
    ("box", 24, ("CEREAL", "MIX", "PASTA", "NOODLE", "RICE", "BAKING", "BREAKFAST", "BRKFST", "DINNER", "MACARONI")),
    ("leaf", 120, ("SALAD", "HERB", "LETTUCE", "GREENS", "FOLIAGE")),
    (
        "vegetable",
        26,
        ("VEGETABLE", "CARROT", "POTATO", "ONION", "PEPPER", "BROCCOLI", "SQUASH", "CORN", "MUSHROOM", "TOMATO"),
    ),
    ("fruit", 350, ("FRUIT", "APPLE", "BERR", "CITRUS", "MELON", "GRAPE", "PEAR", "BANANA", "ORGANICS")),
    ("flower", 320, ("FLORAL", "ROSE", "BOUQUET", "LILY", "GARDEN", "LAWN")),
    ("candle", 268, ("CANDLE", "AIR CARE")),
    (
        "card",
        338,
        ("GREETING", "CARDS", "GIFT", "STATIONERY", "VALENTINE", "CHRISTMAS", "EASTER", "HALLOWEEN", "SEASONAL"),
    ),
    ("book", 225, ("MAGAZINE", "BOOK", "NEWSPAPER")),
    ("roll", 190, ("PAPER", "TISS", "TOWEL", "WRAP", "FOIL", "NAPKIN")),
    ("spray", 180, ("CLEAN", "BLEACH", "INSECT", "LAUNDRY", "DETERGENT", "IRONING")),
    ("pump", 262, ("SOAP", "SHAMPOO", "HAIR", "BODY", "SUNTAN", "BATH")),
    ("tube", 300, ("ORAL", "TOOTH", "MAKEUP", "COSMETIC", "DEODORANT", "SHAVING", "PERSONAL CARE")),
    (
        "pills",
        168,
        ("VITAMIN", "COLD AND FLU", "ANALGESIC", "ANTACID", "ALLERGY", "LAXATIVE", "FIRST AID", "DIET", "EYE AND EAR"),
    ),
    ("tool", 215, ("KITCHEN", "COOKWARE", "HOUSEWARE", "HARDWARE", "GADGET", "GLASSWARE")),
)
