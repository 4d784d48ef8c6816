{{ config(unique_key='category_id', incremental_strategy='merge', indexes=[{'columns': ['loaded_xid']}]) }}

with categories as (
    select * from {{ ref('int_categories__resolve') }} where {{ is_new('loaded_xid') }}
)

select
    category_id,
    code,
    name,
    parent_id,
    level,
    deleted_at is not null as is_deleted,
    loaded_xid
from categories
where name is not null -- of a category that is only known to be deleted there is nothing to say
