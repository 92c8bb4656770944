"""Every training recipe by its name, in the order in which `--all` trains them."""

from explorer.research.training.drawn_recipes import DRAWN_RECIPES
from explorer.research.training.photo_recipes import PHOTO_RECIPES
from explorer.research.training.recipe import Recipe

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (*PHOTO_RECIPES, *DRAWN_RECIPES)}
