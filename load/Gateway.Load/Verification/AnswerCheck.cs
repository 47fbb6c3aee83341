using System.Globalization;
using Gateway.Load.Payloads;
using Gateway.Protocol.Tensors;

namespace Gateway.Load.Verification;

/// <summary>Says what is wrong with outputs; null when nothing is.</summary>
internal static class AnswerCheck
{
    /// <summary>Against what the model says of itself: every output there, of its type and shape, and as long as its shape.</summary>
    public static string? Shapes(ModelDescription model, IReadOnlyList<TensorPayload> outputs)
    {
        foreach (TensorDescription expected in model.Outputs)
        {
            TensorPayload? output = outputs.FirstOrDefault(each => each.Name == expected.Name);
            if (output is null) return $"output '{expected.Name}' is missing";
            if (output.DataType != expected.DataType) return $"output '{expected.Name}' is {output.DataType.WireName()}, not {expected.DataType.WireName()}";
            bool fits = output.Shape.Length == expected.Shape.Count;
            for (int i = 0; fits && i < output.Shape.Length; i++) fits = expected.Shape[i] < 0 || expected.Shape[i] == output.Shape[i];
            if (!fits) return $"output '{expected.Name}' has the shape [{string.Join(',', output.Shape)}], not [{string.Join(',', expected.Shape)}]";
            int size = output.DataType.Size();
            if (size > 0 && output.Elements * size != output.Data.Length) return $"output '{expected.Name}' of shape [{string.Join(',', output.Shape)}] has {output.Data.Length} bytes";
        }

        return null;
    }

    /// <summary>Against an earlier answer: whole numbers and strings the same, floating-point numbers within the tolerance.</summary>
    public static string? Values(IReadOnlyList<TensorPayload> reference, IReadOnlyList<TensorPayload> outputs, double relative, double absolute)
    {
        foreach (TensorPayload first in reference)
        {
            TensorPayload? output = outputs.FirstOrDefault(each => each.Name == first.Name);
            if (output is null || !output.Shape.AsSpan().SequenceEqual(first.Shape)) return $"output '{first.Name}' has another shape than at first";
            if (output.Data.AsSpan().SequenceEqual(first.Data)) continue;
            if (!TensorNumbers.IsFloat(first.DataType) || output.Data.Length != first.Data.Length) return $"output '{first.Name}' differs from the first answer";
            int size = first.DataType.Size();
            for (int at = 0; at < first.Data.Length; at += size)
            {
                double was = TensorNumbers.ReadFloat(first.Data.AsSpan(at), first.DataType);
                double now = TensorNumbers.ReadFloat(output.Data.AsSpan(at), first.DataType);
                if (was.Equals(now) || Math.Abs(was - now) <= absolute + (relative * Math.Abs(was))) continue;
                return string.Create(CultureInfo.InvariantCulture, $"output '{first.Name}', element {at / size}: {now:G7}, at first {was:G7}");
            }
        }

        return null;
    }
}
