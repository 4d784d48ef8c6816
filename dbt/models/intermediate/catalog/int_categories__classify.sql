{{ config(materialized='view') }}

with categories as (
    select * from {{ ref('int_categories__resolve') }} where name is not null
),

rules as (
    select * from {{ ref('pseudo_product_rules') }}
    {% if not has_pseudo_products() %}where false{% endif %}
),

paths as (
    select
        category_id,
        code,
        name,
        level,
        nullif(split_part(code, ' > ', 1), '') as department,
        nullif(split_part(code, ' > ', 2), '') as category,
        nullif(split_part(code, ' > ', 3), '') as product_type
    from categories
),

judged as (
    select
        paths.category_id,
        min(concat_ws(' ', rules.field, rules.match, rules.value)) as pseudo_reason
    from paths
    cross join rules
    cross join
        lateral (
            select
                case rules.field
                    when 'department' then paths.department
                    when 'category' then paths.category
                    when 'product_type' then paths.product_type
                end as word
        ) as field
    where
        case rules.match
            when 'is' then field.word = rules.value
            when 'begins' then starts_with(field.word, rules.value)
            when 'contains' then strpos(field.word, rules.value) > 0
            when 'missing' then field.word is null
        end
    group by paths.category_id
)

select
    paths.category_id,
    paths.code as category_code,
    paths.name as category_name,
    paths.level,
    paths.department,
    paths.category,
    paths.product_type,
    judged.pseudo_reason
from paths
left join judged on paths.category_id = judged.category_id
