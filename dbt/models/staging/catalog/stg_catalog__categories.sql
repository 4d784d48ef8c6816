select
    event_id,
    occurred_at,
    lane,
    number,
    event_type = 'CATEGORY_DELETED' as is_deletion,
    (data ->> 'categoryId')::bigint as category_id,
    data ->> 'code' as code,
    data ->> 'name' as name,
    (data ->> 'parentId')::bigint as parent_id,
    coalesce((data ->> 'level')::int, 1) as level,
    coalesce((data ->> 'categoryVersion')::bigint, 0) as version
from {{ source('raw', 'catalog_v1') }}
where event_type in ('CATEGORY_CREATED', 'CATEGORY_UPDATED', 'CATEGORY_DELETED')
