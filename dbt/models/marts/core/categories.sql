{{ config(unique_key='category_id', incremental_strategy='recompute') }}

with categories as ( -- of a category that is only known to be deleted there is nothing to say
    select * from {{ ref('int_categories__resolve') }}
    where name is not null and {{ is_touched('category_id', 'touched_categories') }}
)

select
    category_id,
    code,
    name,
    parent_id,
    level,
    deleted_at is not null as is_deleted
from categories
