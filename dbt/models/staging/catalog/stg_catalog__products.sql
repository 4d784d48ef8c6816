select
    event_id,
    occurred_at,
    lane,
    number,
    event_type = 'PRODUCT_DELETED' as is_deletion,
    (data ->> 'productId')::bigint as product_id,
    (data ->> 'parentId')::bigint as parent_id,
    data ->> 'sku' as sku,
    data ->> 'name' as name,
    coalesce(data ->> 'longDescription', data ->> 'description') as description,
    data ->> 'brand' as brand,
    data -> 'categoryIds' as category_ids,
    (data ->> 'price')::numeric(15, 3) as price,
    coalesce(data ->> 'currency', 'JPY') as currency,
    coalesce(data ->> 'rating', '0')::numeric(3, 2) as rating,
    data ->> 'image' as image,
    coalesce((data ->> 'isActive')::boolean, true) as is_active,
    coalesce((data ->> 'productVersion')::bigint, 0) as version
from {{ source('raw', 'catalog_v1') }}
where event_type in ('PRODUCT_CREATED', 'PRODUCT_UPDATED', 'PRODUCT_DELETED')
