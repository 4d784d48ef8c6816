{{ config(unique_key='product_id', incremental_strategy='merge',
          indexes=[{'columns': ['product_id'], 'unique': true}, {'columns': ['loaded_xid']}]) }}

with events as (
    select * from {{ ref('stg_catalog__special_prices') }} where {{ is_new('loaded_xid') }}
),

history as (
    select product_id, special_price, special_starts_at, special_ends_at, version, occurred_at, event_id, loaded_xid
    from events
    {% if is_incremental() -%}
        union all
        select product_id, special_price, special_starts_at, special_ends_at, version, occurred_at, event_id, loaded_xid
        from {{ this }}
        where product_id in (select product_id from events)
    {%- endif %}
),

latest as (
    select distinct on (product_id) * from history
    order by product_id, version desc, occurred_at desc, event_id desc
)

select product_id, special_price, special_starts_at, special_ends_at, version, occurred_at, event_id, loaded_xid
from latest
