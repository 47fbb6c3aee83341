using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Execution;

/// <summary>Copies the rows of a batch's requests to where they lie together, whatever the size of each: strings, and dimensions that requests choose.</summary>
public static class VariableRowGather
{
    /// <summary>Bytes of one input of the whole batch, padding included.</summary>
    public static long ByteLength(Batch batch, int input)
    {
        long bytes = 0;
        foreach (BatchSlice slice in batch.Slices) bytes += Rows(slice, input).Length;
        int padding = batch.PaddedRows - batch.Rows;
        return padding == 0 ? bytes : bytes + ((long)padding * LastRow(batch, input).Length);
    }

    /// <param name="input">Index of the input in the model's own order.</param>
    /// <param name="destination">Room for <see cref="ByteLength"/>.</param>
    /// <returns>Bytes written.</returns>
    public static int Into(Batch batch, int input, Span<byte> destination)
    {
        int length = 0;
        foreach (BatchSlice slice in batch.Slices)
        {
            ReadOnlySpan<byte> rows = Rows(slice, input);
            rows.CopyTo(destination[length..]);
            length += rows.Length;
        }

        if (batch.PaddedRows > batch.Rows)
        {
            // Padding repeats the last row: real data, so that it is as well-behaved as the rest.
            ReadOnlySpan<byte> padding = LastRow(batch, input);
            for (int row = batch.Rows; row < batch.PaddedRows; row++)
            {
                padding.CopyTo(destination[length..]);
                length += padding.Length;
            }
        }

        batch.GatheredBytes += length;
        return length;
    }

    private static ReadOnlySpan<byte> LastRow(Batch batch, int input)
    {
        BatchSlice last = batch.Slices[^1];
        return Rows(new BatchSlice(last.Request, last.FirstRow + last.Rows - 1, 1, 0), input);
    }

    private static ReadOnlySpan<byte> Rows(BatchSlice slice, int input)
    {
        InputTensor tensor = slice.Request.Inputs[input];
        ReadOnlySpan<byte> all = tensor.Bytes(slice.Request.Block);
        if (slice.Rows == slice.Request.Rows) return all;
        if (tensor.DataType != DataType.Bytes)
        {
            int rowBytes = tensor.ByteLength / slice.Request.Rows;
            return all.Slice(slice.FirstRow * rowBytes, slice.Rows * rowBytes);
        }

        tensor.Shape.TryCountElements(out long rowElements, start: 1);
        int from = RawStrings.Skip(all, slice.FirstRow * rowElements);
        return all.Slice(from, RawStrings.Skip(all[from..], slice.Rows * rowElements));
    }
}
