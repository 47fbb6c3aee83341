using Gateway.Core.Models;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Requests;

/// <summary>Checks a request's tensors against its model, and works out its rows, shape key and shape class.</summary>
/// <remarks>The texts are Triton's, with its <c>[request id: …]</c> prefix; every failure is the client's (<see cref="StatusCode.InvalidArgument"/>).</remarks>
internal static class RequestValidation
{
    // Batches that one request may be split into. Rows of no elements cost a client nothing: without a bound a hundred bytes could ask for two billion.
    private const int MostBatches = 1024;

    private const string BatchDimensionNote =
        " NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. " +
        "If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero. " +
        "See the model configuration docs for more info on max_batch_size.";

    public static void Check(InferenceRequest request)
    {
        ModelLayout layout = request.Model.Layout;
        ReadOnlySpan<InputTensor> inputs = request.Inputs;
        long rows = -1;
        ulong shapeKey = 0;
        long freeElements = 0;
        for (int i = 0; i < inputs.Length; i++)
        {
            ref readonly InputTensor input = ref inputs[i];
            TensorSpec spec = layout.Inputs[i];
            if (!input.IsPresent) throw MissingInputs(request);
            CheckForm(request, spec, input);
            int batchDimensions = layout.IsBatching ? 1 : 0;
            if (layout.IsBatching)
            {
                if (rows < 0) rows = input.Shape[0];
                else if (rows != input.Shape[0]) throw Invalid(request, $"input '{spec.Name}' batch size does not match other inputs for '{layout.Name}'");
            }

            long elements = CheckBytes(request, spec, input);
            if (spec.RowBytes >= 0) continue;
            shapeKey = Combine(shapeKey, spec, input, batchDimensions);
            if (spec.HasFreeDimensions) freeElements = Math.Min(long.MaxValue - elements, freeElements) + elements;
        }

        CheckRows(request, rows);
        request.Rows = layout.IsBatching ? (int)rows : 1;
        request.ShapeKey = shapeKey;
        request.ShapeClass = ShapeClasses.Of(freeElements / request.Rows);
    }

    /// <summary>Whether a tensor of that shape may be an input, as far as the shape of one input alone can tell.</summary>
    internal static bool HasShapeOf(ModelLayout layout, TensorSpec spec, TensorShape shape)
    {
        if (!layout.IsBatching) return Fits(shape.Dims, spec.ClientDims.Dims);
        return shape.Rank > 0 && shape[0] <= (long)MostBatches * layout.MaxBatchRows && Fits(shape.Dims[1..], spec.ClientDims.Dims);
    }

    /// <summary>The shape that a request's input is to have; -1 for a dimension of any size.</summary>
    internal static TensorShape Expected(ModelLayout layout, TensorSpec spec) => layout.IsBatching ? new TensorShape([-1, .. spec.ClientDims.Dims]) : spec.ClientDims;

    /// <summary>Checks an input by what is said of it alone.</summary>
    /// <param name="index">By the model's own order.</param>
    public static void CheckAhead(InferenceRequest request, int index, in InputTensor input)
    {
        TensorSpec spec = request.Model.Layout.Inputs[index];
        CheckForm(request, spec, input);
        if (request.Model.Layout.IsBatching) CheckRows(request, input.Shape[0]);
        if (spec.DataType != DataType.Bytes) CheckBytes(request, spec, input);
    }

    private static void CheckForm(InferenceRequest request, TensorSpec spec, in InputTensor input)
    {
        ModelLayout layout = request.Model.Layout;
        if (input.DataType != spec.DataType)
        {
            throw Invalid(request, $"inference input '{spec.Name}' data-type is '{input.DataType.WireName()}', but model '{layout.Name}' expects '{spec.DataType.WireName()}'");
        }

        int batchDimensions = layout.IsBatching ? 1 : 0;
        if (input.Shape.Rank < batchDimensions) throw Invalid(request, $"input '{spec.Name}' has no shape but model requires batch dimension for '{layout.Name}'");
        if (!Fits(input.Shape.Dims[batchDimensions..], spec.ClientDims.Dims)) throw UnexpectedShape(request, spec, input.Shape);
        if (layout.IsBatching && input.Shape[0] == 0) throw Invalid(request, $"input '{spec.Name}' has a batch dimension of 0 for '{layout.Name}': a request must bring at least one row");
    }

    private static void CheckRows(InferenceRequest request, long rows)
    {
        long most = (long)MostBatches * request.Model.Layout.MaxBatchRows;
        if (rows > most) throw Invalid(request, $"inference request batch-size must be <= {most} for '{request.Model.Layout.Name}'");
    }

    private static bool Fits(ReadOnlySpan<long> actual, ReadOnlySpan<long> expected)
    {
        if (actual.Length != expected.Length) return false;
        for (int i = 0; i < actual.Length; i++)
        {
            if (actual[i] < 0 || (expected[i] >= 0 && actual[i] != expected[i])) return false;
        }

        return true;
    }

    /// <returns>Its elements, all rows together.</returns>
    private static long CheckBytes(InferenceRequest request, TensorSpec spec, in InputTensor input)
    {
        if (!input.Shape.TryCountElements(out long elements)) throw UnexpectedShape(request, spec, input.Shape);
        if (spec.DataType == DataType.Bytes)
        {
            RawStrings.Check(request, spec, input, elements);
            return elements;
        }

        // The count is at most the bytes that were read, so the product cannot overflow where it matters.
        long expected = elements > long.MaxValue / 8 ? long.MaxValue : elements * spec.DataType.Size();
        if (input.ByteLength != expected)
        {
            throw Invalid(request, $"input byte size mismatch for input '{spec.Name}' for model '{request.Model.Name}'. Expected {expected}, got {input.ByteLength}");
        }

        return elements;
    }

    /// <summary>Mixes in the dimensions that requests may choose: those that differ cannot share a batch.</summary>
    private static ulong Combine(ulong key, TensorSpec spec, in InputTensor input, int batchDimensions)
    {
        ReadOnlySpan<long> expected = spec.ClientDims.Dims;
        for (int i = 0; i < expected.Length; i++)
        {
            if (expected[i] >= 0) continue;

            // SplitMix64's finaliser: two chosen dimensions must not cancel each other out. 0 is the key of models without such dimensions.
            ulong mixed = key + (ulong)input.Shape[i + batchDimensions] + 0x9E3779B97F4A7C15;
            mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
            mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
            key = mixed ^ (mixed >> 31);
        }

        return key;
    }

    private static InferenceException MissingInputs(InferenceRequest request)
    {
        List<string> got = [];
        List<string> missing = [];
        for (int i = 0; i < request.Inputs.Length; i++)
        {
            (request.Inputs[i].IsPresent ? got : missing).Add($"'{request.Model.Inputs[i].Name}'");
        }

        return Invalid(
            request,
            $"expected {request.Inputs.Length} inputs but got {got.Count} inputs for model '{request.Model.Name}'. Got input(s) [{string.Join(", ", got)}], " +
            $"but missing required input(s) [{string.Join(", ", missing)}]. Please provide all required input(s).");
    }

    private static InferenceException UnexpectedShape(InferenceRequest request, TensorSpec spec, TensorShape actual)
    {
        bool isBatching = request.Model.Layout.IsBatching;
        TensorShape expected = Expected(request.Model.Layout, spec);
        return Invalid(
            request,
            $"unexpected shape for input '{spec.Name}' for model '{request.Model.Name}'. Expected {expected}, got {actual}.{(isBatching ? BatchDimensionNote : "")}");
    }

    internal static InferenceException Invalid(InferenceRequest request, string text) =>
        new(StatusCode.InvalidArgument, InRequest(request, text));

    /// <summary>A text that names the request.</summary>
    internal static string InRequest(InferenceRequest request, string text) => $"[request id: {(request.Id.Length > 0 ? request.Id : "<id_unknown>")}] {text}";
}
