{{ config(unique_key='order_id', incremental_strategy='recompute') }}

with lines as (
    select * from {{ ref('order_items') }} where {{ is_touched('order_id', 'touched_interactions') }}
),

items as not materialized (
    select * from {{ ref('item_features') }}
)

select
    lines.order_id,
    lines.line_number,
    lines.user_id,
    lines.product_id,
    lines.returned_quantity as quantity,
    lines.ordered_at
from lines
inner join items on lines.product_id = items.product_id
where
    {{ is_sale('lines') }}
    and not lines.is_outlier
    and lines.returned_quantity > 0
    and {{ kept_quantity('lines') }} = 0
    and items.pseudo_reason is null
