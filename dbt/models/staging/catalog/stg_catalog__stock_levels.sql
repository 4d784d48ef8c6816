select
    event_id,
    occurred_at,
    lane,
    number,
    (data ->> 'productId')::bigint as product_id,
    coalesce((data ->> 'stock')::int, 0) as stock,
    coalesce((data ->> 'stockVersion')::bigint, 0) as version
from {{ source('raw', 'catalog_v1') }}
where event_type in ('PRODUCT_CREATED', 'PRODUCT_UPDATED', 'STOCK_CHANGED')
