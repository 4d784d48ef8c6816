select
    event_id,
    occurred_at,
    lane,
    number,
    (data ->> 'productId')::bigint as product_id,
    coalesce(data ->> 'currency', 'JPY') as currency,
    (data ->> 'specialPrice')::numeric(15, 3) as special_price,
    (data ->> 'startDate')::timestamptz as special_starts_at,
    (data ->> 'endDate')::timestamptz as special_ends_at,
    coalesce((data ->> 'offerVersion')::bigint, 0) as version
from {{ source('raw', 'catalog_v1') }}
where event_type in ('SPECIAL_PRICE_SET', 'SPECIAL_PRICE_ENDED')
