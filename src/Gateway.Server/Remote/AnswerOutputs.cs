using System.Globalization;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.Remote;

/// <summary>Puts the outputs of an answer into place, and lets nothing pass that was not asked for: each output once, of its type, of its shape, a row for a row.</summary>
/// <remarks><b>Threading</b>: one answer at a time. <b>Cost</b>: the tensors stay where they are; of strings it is noted down where rows begin.</remarks>
internal sealed class AnswerOutputs(ModelLayout layout)
{
    private readonly bool[] _isPlaced = new bool[layout.Outputs.Count];

    public void Begin() => Array.Clear(_isPlaced);

    /// <summary>Checks what an answer says of an output before its bytes are looked for.</summary>
    /// <param name="index">Of the model's outputs; below 0 for none of them.</param>
    /// <param name="shape">Null where it says none.</param>
    /// <param name="rows">Rows of the batch, padding included.</param>
    /// <returns>Its elements.</returns>
    /// <exception cref="UpstreamException">It is none that was asked for.</exception>
    public long Check(int index, DataType type, TensorShape? shape, int rows)
    {
        if (index < 0) throw Garbage("an output that was not asked for");
        TensorSpec spec = layout.Outputs[index];
        if (_isPlaced[index]) throw Garbage($"output '{spec.Name}' twice");
        if (type != spec.DataType) throw Garbage($"output '{spec.Name}' of type {type.WireName()} instead of {spec.DataType.WireName()}");
        if (shape is not { } given || !Fits(given, spec, rows) || !given.TryCountElements(out long elements))
        {
            throw Garbage($"output '{spec.Name}' in shape {shape.GetValueOrDefault()} for a batch of {rows.ToString(CultureInfo.InvariantCulture)}, where {layout.ForRows(spec.ModelDims, rows)} was expected");
        }

        _isPlaced[index] = true;
        return elements;
    }

    /// <summary>Says where the bytes of an output lie that was checked.</summary>
    /// <param name="bytes">All of the answer.</param>
    /// <param name="offset">Where they begin in it.</param>
    /// <param name="size">How many they are said to be.</param>
    /// <exception cref="UpstreamException">They are not those of such an output.</exception>
    public void Place(BlockBatchOutput output, int index, TensorShape shape, long elements, int rows, ReadOnlySpan<byte> bytes, int offset, long size)
    {
        TensorSpec spec = layout.Outputs[index];
        int left = bytes.Length - offset;
        if (size > left) throw Garbage($"output '{spec.Name}' of {size} bytes, of which {left} are there");
        bool isText = spec.DataType == DataType.Bytes;
        if (!isText && (elements > int.MaxValue || elements * spec.DataType.Size() != size)) throw Garbage($"output '{spec.Name}' of {size} bytes in shape {shape}");
        int[]? rowOffsets = isText ? ReadStrings(bytes.Slice(offset, (int)size), spec, elements, layout.IsBatching ? rows : 1) : null;
        if (spec.IsReshaped) shape = layout.ForRows(spec.ClientDims, rows);
        output.Place(index, spec.DataType, shape, offset, (int)size, rowOffsets);
    }

    /// <exception cref="UpstreamException">An output is missing.</exception>
    public void End()
    {
        int missing = Array.IndexOf(_isPlaced, false);
        if (missing >= 0) throw Garbage($"no output '{layout.Outputs[missing].Name}'");
    }

    public static UpstreamException Garbage(string what, Exception? inner = null) =>
        new(UpstreamFailure.Garbage, $"the server that runs the model answered with {what}", inner);

    private bool Fits(in TensorShape shape, TensorSpec spec, int rows)
    {
        int lead = layout.IsBatching ? 1 : 0;
        if (shape.Rank != spec.ModelDims.Rank + lead || (lead == 1 && shape[0] != rows)) return false;
        for (int i = 0; i < spec.ModelDims.Rank; i++)
        {
            if (spec.ModelDims[i] != -1 && spec.ModelDims[i] != shape[i + lead]) return false;
        }

        return true;
    }

    /// <returns>Where each row begins, and at the end where the last one ends.</returns>
    private static int[] ReadStrings(ReadOnlySpan<byte> raw, TensorSpec spec, long elements, int rows)
    {
        int[] offsets = new int[rows + 1];
        ReadOnlySpan<byte> rest = raw;
        long rowElements = elements / rows;
        for (int row = 0; row < rows; row++)
        {
            for (long i = 0; i < rowElements; i++)
            {
                if (!RawStrings.TryRead(ref rest, out _)) throw Garbage($"output '{spec.Name}' of fewer strings than the {elements} of its shape");
            }

            offsets[row + 1] = raw.Length - rest.Length;
        }

        return rest.IsEmpty ? offsets : throw Garbage($"output '{spec.Name}' of more strings than the {elements} of its shape");
    }
}
