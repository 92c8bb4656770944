"""Every training recipe by its name, in the order in which `--all` trains them."""

from explorer.research.training.cifar_recipes import CIFAR_RECIPES
from explorer.research.training.drawn_recipes import DRAWN_RECIPES
from explorer.research.training.imagenette_recipes import IMAGENETTE_RECIPES
from explorer.research.training.recipe import Recipe

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (*IMAGENETTE_RECIPES, *CIFAR_RECIPES, *DRAWN_RECIPES)
}
