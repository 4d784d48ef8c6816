"""Two addresses."""

TOKYO = {
    "name": "山田 花子",
    "countryCode": "JP",
    "countryArea": "東京都",
    "postalCode": "150-0001",
    "city": "渋谷区",
    "streetAddress": "神宮前1-2-3",
}
BERLIN = {
    "name": "Eva",
    "countryCode": "DE",
    "postalCode": "10115",
    "city": "Berlin",
    "streetAddress": "Invalidenstr. 1",
}
