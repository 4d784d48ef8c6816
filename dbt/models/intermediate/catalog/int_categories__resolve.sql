{{ config(unique_key='category_id', incremental_strategy='merge',
          indexes=[{'columns': ['category_id'], 'unique': true}, {'columns': ['loaded_xid']}]) }}

with events as (
    select * from {{ ref('stg_catalog__categories') }} where {{ is_new('loaded_xid') }}
),

history as (
    select
        category_id, code, name, parent_id, level,
        version,
        case when not is_deletion then occurred_at end as occurred_at,
        event_id,
        case when is_deletion then occurred_at end as deleted_at,
        loaded_xid
    from events
    {% if is_incremental() -%}
        union all
        select category_id, code, name, parent_id, level, version, occurred_at, event_id, deleted_at, loaded_xid
        from {{ this }}
        where category_id in (select category_id from events)
    {%- endif %}
),

latest as (
    select distinct on (category_id) * from history
    order by category_id, version desc, occurred_at desc nulls last, event_id desc
),

marks as (
    select category_id, max(deleted_at) as deleted_at, max(loaded_xid) as loaded_xid from history group by category_id
)

select
    latest.category_id,
    latest.code,
    latest.name,
    latest.parent_id,
    latest.level,
    latest.version,
    latest.occurred_at,
    latest.event_id,
    marks.deleted_at,
    marks.loaded_xid
from latest
inner join marks on latest.category_id = marks.category_id
