"""What lesson 07 claims, checked on its output. It draws no random numbers: any seed will do."""

from claims_of import claim, number


@claim(at_least=5)
def opened_images_take_many_times_the_space_of_their_files(output: str) -> float:
    return megabytes(output, "eager") / number(output, r"files take (\S+) MB on disk")


@claim(at_least=100)
def lazy_loading_takes_a_hundredth_of_the_memory(output: str) -> float:
    return megabytes(output, "eager") / megabytes(output, "lazy")


@claim(at_most=0.5)
def a_streamed_download_holds_a_part_of_the_file_at_a_time(output: str) -> float:
    held = number(output, r"never more than (\S+) MB in memory")
    return held / number(output, r"^(\S+) MB came")


def megabytes(output: str, name: str) -> float:
    """The last column of the table of lazy and eager."""
    return number(output, rf"^{name} .* (\S+) MB$")
