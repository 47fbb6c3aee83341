namespace Gateway.Core.Scheduling;

/// <summary>Sorts requests by the size of a row, in elements: those of one class are taken to run for as long.</summary>
/// <remarks>
/// <para>
/// The work of a run grows with the elements of its rows: tokens of a sentence, pixels of an image. Two shapes of as many elements share a class though they share no batch: one for each combination of
/// dimensions would be learned from too few batches, and there is no end of them. Only inputs that may differ count, all of a row together; what is of a fixed size adds the same to each. Strings count by their number.
/// </para>
/// <para>
/// Halves of an octave: the largest rows of a class have 1.41 times the elements of the smallest, so that a run which grows in proportion is within 19 % of its class, less than the margin that is kept on
/// what is ahead; and requests from 32 to 512 elements are in nine classes, which a few hundred batches fill. Beyond the last, of some three billion elements, all are in that.
/// </para>
/// </remarks>
public static class ShapeClasses
{
    /// <summary>Classes that there are: a word has a bit for each.</summary>
    public const int Count = 64;

    private const int AnOctave = 2;

    /// <summary>The class of a row of so many elements: 0 for one, or none, and for all requests of a model whose dimensions are fixed.</summary>
    public static int Of(long elements) => elements <= 1 ? 0 : Math.Min(Count - 1, (int)Math.Round(AnOctave * Math.Log2(elements)));

    /// <summary>Elements in the middle of a class.</summary>
    public static long Elements(int shapeClass) => (long)Math.Round(Ratio(shapeClass));

    /// <summary>How many times the elements of a class one has that is so many further.</summary>
    /// <param name="steps">May be negative.</param>
    internal static double Ratio(double steps) => Math.Pow(2, steps / AnOctave);
}
