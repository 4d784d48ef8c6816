{{ config(unique_key='order_id', incremental_strategy='recompute', incremental_predicates=['loaded_xid is not null'],
          indexes=[{'columns': ['loaded_xid']}, {'columns': ['classified_xid']}]) }}

with orders as not materialized (
    select * from {{ ref('orders') }}
),

lines as not materialized (
    select * from {{ ref('order_items') }}
),

items as not materialized (
    select * from {{ ref('item_features') }}
),

touched as (
    select order_id from orders where {{ is_new('loaded_xid') }}
    union
    select lines.order_id from lines
    inner join items on lines.product_id = items.product_id
    where {{ is_new('items.classified_xid', 'classified_xid') }}
),

kept as (
    select
        lines.order_id,
        lines.line_number,
        lines.user_id,
        lines.product_id,
        {{ kept_quantity('lines') }} as quantity,
        ({{ kept_amount('lines') }})::numeric(12, 2) as amount,
        lines.ordered_at,
        lines.loaded_xid,
        (select max(newest.classified_xid) from items as newest) as classified_xid
    from lines
    inner join items on lines.product_id = items.product_id
    where {{ is_interaction('lines', 'items') }}
)

select
    touched.order_id,
    kept.line_number,
    kept.user_id,
    kept.product_id,
    kept.quantity,
    kept.amount,
    kept.ordered_at,
    kept.loaded_xid,
    kept.classified_xid
from touched
left join kept on touched.order_id = kept.order_id
{% if not is_incremental() %}where kept.order_id is not null{% endif %}
