select
    event_id,
    occurred_at,
    lane,
    number,
    event_type = 'REVIEW_DELETED' as is_deletion,
    (data ->> 'reviewId')::bigint as review_id,
    (data ->> 'productId')::bigint as product_id,
    (data ->> 'rating')::int as rating,
    (data ->> 'textLength')::int as text_length,
    coalesce((data ->> 'isHidden')::boolean, false) as is_hidden,
    (data ->> 'submittedAt')::timestamptz as submitted_at,
    coalesce((data ->> 'reviewVersion')::bigint, 0) as version
from {{ source('raw', 'catalog_v1') }}
where event_type in ('REVIEW_UPDATED', 'REVIEW_DELETED')
