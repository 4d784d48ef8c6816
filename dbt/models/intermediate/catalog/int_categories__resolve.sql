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
    select distinct on (category_id)
        category_id, code, name, parent_id, level, version, occurred_at, event_id,
        max(deleted_at) over of_category as deleted_at,
        max(loaded_xid) over of_category as loaded_xid
    from history
    window of_category as (partition by category_id)
    order by category_id, version desc, occurred_at desc nulls last, event_id desc
)

select category_id, code, name, parent_id, level, version, occurred_at, event_id, deleted_at, loaded_xid from latest
