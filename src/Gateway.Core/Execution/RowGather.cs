using Gateway.Core.Requests;

namespace Gateway.Core.Execution;

/// <summary>Copies the rows of a batch's requests to where they lie together, for inputs whose rows all have the same size.</summary>
public static class RowGather
{
    /// <param name="input">Index of the input in the model's own order.</param>
    /// <param name="rowBytes">Bytes of a row of that input.</param>
    /// <param name="rows">Where they go: room for <see cref="Batch.PaddedRows"/>.</param>
    public static void Into(Batch batch, int input, int rowBytes, Span<byte> rows)
    {
        foreach (BatchSlice slice in batch.Slices)
        {
            InferenceRequest request = slice.Request;
            request.Inputs[input].Bytes(request.Block).Slice(slice.FirstRow * rowBytes, slice.Rows * rowBytes).CopyTo(rows[(slice.BatchRow * rowBytes)..]);
        }

        // Padding repeats the last row: real data, so that it is as well-behaved as the rest.
        Span<byte> last = rows.Slice((batch.Rows - 1) * rowBytes, rowBytes);
        for (int row = batch.Rows; row < batch.PaddedRows; row++) last.CopyTo(rows[(row * rowBytes)..]);
        batch.GatheredBytes += (long)batch.PaddedRows * rowBytes;
    }
}
