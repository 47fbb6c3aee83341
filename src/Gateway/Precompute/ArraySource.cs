using System.IO.Compression;
using System.Text.Json;
using Gateway.Files;

namespace Gateway.Precompute;

/// <summary>NumPy arrays, one for each input of a model: their rows are the requests.</summary>
internal sealed class ArraySource : IRequestSource
{
    private readonly NpyRows[] _arrays;
    private readonly ModelInput[] _inputs;
    private readonly ZipArchive? _archive;

    /// <summary>Opens a <c>.npy</c>, for a model with one input, or a <c>.npz</c>, whose arrays have the names of inputs.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or does not fit the model; the message says what.</exception>
    public ArraySource(string file, IReadOnlyList<ModelInput> inputs)
    {
        List<NpyRows> arrays = [];
        try
        {
            if (Path.GetExtension(file) == ".npz")
            {
                _archive = ZipFile.OpenRead(file);
                foreach (ZipArchiveEntry entry in _archive.Entries) arrays.Add(new NpyRows(Path.GetFileNameWithoutExtension(entry.FullName), entry.Open()));
            }
            else
            {
                if (inputs.Count != 1) throw new InvalidDataException($"the model has {inputs.Count} inputs: give a .npz with an array for each ({string.Join(", ", inputs.Select(input => input.Name))})");
                arrays.Add(new NpyRows(inputs[0].Name, new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 20)));
            }

            _arrays = [.. arrays];
            _inputs = [.. _arrays.Select(array => Match(array, inputs))];
            if (_arrays.Length != inputs.Count) throw new InvalidDataException($"it has {_arrays.Length} arrays, and the model {inputs.Count} inputs ({string.Join(", ", inputs.Select(input => input.Name))})");
            if (_arrays.Any(array => array.Header.Rows != _arrays[0].Header.Rows)) throw new InvalidDataException("its arrays have different numbers of rows");
        }
        catch
        {
            foreach (NpyRows array in arrays) array.Dispose();
            _archive?.Dispose();
            throw;
        }
    }

    public long Position { get; private set; }

    public long Length => _arrays[0].Header.Rows;

    public bool TryNext(out PreparedRequest request)
    {
        request = default;
        if (Position == Length) return false;
        Position++;
        byte[][] rows = [.. _arrays.Select(array => array.Next())];
        using MemoryStream body = new();
        using (Utf8JsonWriter json = new(body))
        {
            json.WriteStartObject();
            json.WriteStartArray("inputs");
            for (int i = 0; i < rows.Length; i++) WriteInput(json, i, rows[i].Length);
            json.WriteEndArray();

            // Only that they are kept matters, and bytes cost least.
            json.WriteStartObject("parameters");
            json.WriteBoolean("binary_data_output", true);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        int head = (int)body.Length;
        foreach (byte[] row in rows) body.Write(row);
        request = new PreparedRequest(body.ToArray(), head);
        return true;
    }

    public void Dispose()
    {
        foreach (NpyRows array in _arrays) array.Dispose();
        _archive?.Dispose();
    }

    private static ModelInput Match(NpyRows array, IReadOnlyList<ModelInput> inputs)
    {
        ModelInput input = inputs.FirstOrDefault(input => input.Name == array.Input) ?? throw new InvalidDataException($"the model has no input '{array.Input}' (it has {string.Join(", ", inputs.Select(input => input.Name))})");
        NpyHeader header = array.Header;
        if (header.DataType != input.DataType) throw new InvalidDataException($"the array for '{input.Name}' is of type {header.DataType}, and the input of {input.DataType}");
        long[] row = input.RowOf(header.Shape);
        bool fits = row.Length == input.Shape.Length && row.Zip(input.Shape).All(pair => pair.Second < 0 || pair.First == pair.Second);
        return fits ? input : throw new InvalidDataException($"a row of the array for '{input.Name}' has the shape [{string.Join(',', row)}], and the input [{string.Join(',', input.Shape)}]");
    }

    private void WriteInput(Utf8JsonWriter json, int index, int bytes)
    {
        json.WriteStartObject();
        json.WriteString("name", _inputs[index].Name);
        json.WriteString("datatype", _inputs[index].DataType);
        json.WriteStartArray("shape");
        foreach (long dimension in _inputs[index].RowOf(_arrays[index].Header.Shape)) json.WriteNumberValue(dimension);
        json.WriteEndArray();
        json.WriteStartObject("parameters");
        json.WriteNumber("binary_data_size", bytes);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
