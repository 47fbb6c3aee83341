using System.Buffers.Binary;
using System.Text;
using Gateway.Protocol.Tensors;

namespace Gateway.Load.Payloads;

/// <summary>Makes requests that a model takes from what its metadata says: random values of the right type and shape.</summary>
internal static class RandomPayloads
{
    // Where nothing is said: floats as normalised inputs have them; numbers that index a small table; words.
    private const double MostFloat = 1;
    private const double MostInteger = 100;
    private const int LeastLetters = 8;
    private const int MostLetters = 40;

    // One request beyond this is a mistake in a shape.
    private const long MostBytes = 1L << 30;

    /// <exception cref="LoadException">A dimension is free and no shape is given, or a shape does not fit the model.</exception>
    public static RequestPayload[] Create(ModelDescription model, PayloadRecipe recipe, int seed)
    {
        foreach (string name in recipe.Shapes.Keys.Concat(recipe.Ranges.Keys.Where(name => name != "*")))
        {
            if (model.Inputs.All(input => input.Name != name)) throw Bad($"model {model.Name} has no input '{name}' (it has {string.Join(", ", model.Inputs.Select(input => input.Name))})");
        }

        long[][] shapes = [.. model.Inputs.Select(input => ShapeOf(input, recipe))];
        RequestPayload[] payloads = new RequestPayload[recipe.Distinct];
        for (int i = 0; i < payloads.Length; i++)
        {
            Random random = new(Seed.Of(seed, i));
            payloads[i] = new RequestPayload([.. model.Inputs.Select((input, at) => new TensorPayload(input.Name, input.DataType, shapes[at], Data(input, shapes[at], recipe, random)))]);
        }

        return payloads;
    }

    private static long[] ShapeOf(TensorDescription input, PayloadRecipe recipe)
    {
        if (recipe.Shapes.TryGetValue(input.Name, out long[]? given))
        {
            bool fits = given.Length == input.Shape.Count;
            for (int i = 0; fits && i < given.Length; i++) fits = input.Shape[i] < 0 || input.Shape[i] == given[i];
            return fits ? given : throw Bad($"shape [{string.Join(',', given)}] does not fit input '{input.Name}' of shape [{string.Join(',', input.Shape)}]");
        }

        long[] shape = [.. input.Shape];
        if (shape.Length > 0 && shape[0] < 0) shape[0] = recipe.Rows;
        return shape.All(dimension => dimension >= 0)
            ? shape
            : throw Bad($"input '{input.Name}' has the shape [{string.Join(',', input.Shape)}]: say which size to send with --shape {input.Name}:{string.Join(',', shape.Select(dimension => dimension < 0 ? "N" : $"{dimension}"))}");
    }

    private static byte[] Data(TensorDescription input, long[] shape, PayloadRecipe recipe, Random random)
    {
        long elements = 1;
        foreach (long dimension in shape) elements = Math.Min(elements * dimension, MostBytes + 1);
        if (elements * Math.Max(1, input.DataType.Size()) > MostBytes) throw Bad($"input '{input.Name}' of shape [{string.Join(',', shape)}] is longer than 1 GiB");
        if (input.DataType == DataType.Bytes) return Words((int)elements, random);
        int size = input.DataType.Size();
        if (size == 0) throw Bad($"input '{input.Name}' is of a type that is not known here");
        byte[] data = new byte[elements * size];
        bool isFloat = TensorNumbers.IsFloat(input.DataType);
        (double least, double most) = recipe.Ranges.TryGetValue(input.Name, out (double, double) range) || recipe.Ranges.TryGetValue("*", out range)
            ? range
            : (0, isFloat ? MostFloat : input.DataType == DataType.Bool ? 2 : MostInteger);
        for (int i = 0; i < elements; i++) TensorNumbers.Write(data.AsSpan(i * size, size), input.DataType, least + (random.NextDouble() * (most - least)));
        return data;
    }

    private static byte[] Words(int count, Random random)
    {
        using MemoryStream stream = new();
        Span<byte> length = stackalloc byte[sizeof(uint)];
        for (int i = 0; i < count; i++)
        {
            StringBuilder text = new();
            int letters = random.Next(LeastLetters, MostLetters);
            for (int j = 0; j < letters; j++) text.Append(random.Next(6) == 0 ? ' ' : (char)('a' + random.Next(26)));
            BinaryPrimitives.WriteUInt32LittleEndian(length, (uint)text.Length);
            stream.Write(length);
            stream.Write(Encoding.ASCII.GetBytes(text.ToString()));
        }

        return stream.ToArray();
    }

    private static LoadException Bad(string message) => new(ExitCode.BadSettings, message);
}
