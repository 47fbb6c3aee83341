using Gateway.Core.Models;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.OpenInference;

/// <summary>Rewrites the body of a generate call into the JSON of an infer request.</summary>
/// <remarks>Members that are named like an input become that tensor, <c>id</c> the request's id, those of <c>parameters</c> are treated alike, and all others become parameters.</remarks>
internal static class GenerateRequest
{
    public static void Rewrite(ReadOnlySpan<byte> body, ServedModel model, TextBuffer to)
    {
        JsonCursor cursor = new(body);
        Members members = new(model, to);
        cursor.ReadRoot();
        members.Read(ref cursor, isParameters: false);
        cursor.ReadEnd();
        members.Finish();
    }

    /// <summary>The shape that a number of elements has: divided by each fixed dimension, the rest is the innermost free one's, and the other free ones are 1.</summary>
    /// <exception cref="InferenceException">It does not come out even.</exception>
    internal static TensorShape ShapeOf(TensorSpec spec, bool isBatching, long elements)
    {
        TensorShape shape = isBatching ? new TensorShape([-1, .. spec.ClientDims.Dims]) : spec.ClientDims;
        if (elements == 0) return default;
        long rest = elements;
        int free = -1;
        for (int i = 0; i < shape.Rank; i++)
        {
            if (shape[i] < 0) free = i;
            else if (shape[i] == 0 || rest % shape[i] != 0) throw DoesNotFit(spec);
            else rest /= shape[i];
        }

        if (free < 0 && rest != 1) throw DoesNotFit(spec);
        for (int i = 0; i < shape.Rank; i++)
        {
            if (shape[i] < 0) shape[i] = i == free ? rest : 1;
        }

        return shape;
    }

    private static InferenceException DoesNotFit(TensorSpec spec) => Errors.Invalid($"The schema can not convert input '{spec.Name}' to tensor with proper shape");

    /// <summary>Writes inputs as they come, and keeps the id and the parameters for the end.</summary>
    private ref struct Members(ServedModel model, TextBuffer to)
    {
        private readonly List<(string Name, byte[] Value)> _parameters = [];
        private bool _hasInputs;
        private string? _id;

        public void Read(scoped ref JsonCursor cursor, bool isParameters)
        {
            bool isFirst = true;
            while (cursor.TryNextMember(ref isFirst, out JsonString name))
            {
                int input = InferExchange.IndexOf(model.Inputs, name);
                if (!isParameters && name.Is("id"u8)) ReadId(ref cursor);
                else if (!isParameters && name.Is("parameters"u8)) ReadParameters(ref cursor);
                else if (input >= 0) WriteInput(ref cursor, model.Inputs[input]);
                else _parameters.Add((name.ToString(), Value(ref cursor).ToArray()));
            }
        }

        public readonly void Finish()
        {
            to.Write(_hasInputs ? "]"u8 : "{\"inputs\":[]"u8);
            if (_id is not null)
            {
                to.Write(",\"id\":"u8);
                JsonText.WriteString(to, _id);
            }

            if (_parameters.Count > 0)
            {
                to.Write(",\"parameters\":"u8);
                char before = '{';
                foreach ((string name, byte[] value) in _parameters)
                {
                    to.Write((byte)before);
                    before = ',';
                    JsonText.WriteString(to, name);
                    to.Write((byte)':');
                    to.Write(value);
                }

                to.Write((byte)'}');
            }

            to.Write((byte)'}');
        }

        private void ReadId(scoped ref JsonCursor cursor)
        {
            string id = JsonValues.ReadString(ref cursor, "id").ToString();
            _id ??= id;
        }

        private void ReadParameters(scoped ref JsonCursor cursor)
        {
            if (!cursor.TryTake((byte)'{'))
            {
                cursor.SkipValue();
                throw Errors.Invalid("Expected JSON object for keyword: 'parameters'");
            }

            Read(ref cursor, isParameters: true);
        }

        private void WriteInput(scoped ref JsonCursor cursor, TensorSpec spec)
        {
            bool isArray = cursor.Peek() == '[';
            JsonCursor counter = cursor;
            long elements = isArray ? Count(ref counter) : 1;
            TensorShape shape = ShapeOf(spec, model.Layout.IsBatching, elements);
            to.Write(_hasInputs ? ","u8 : "{\"inputs\":["u8);
            _hasInputs = true;
            to.Write("{\"name\":"u8);
            JsonText.WriteString(to, spec.Utf8Name);
            to.Write(",\"datatype\":\""u8);
            to.WriteAscii(spec.DataType.WireName());
            to.Write("\",\"shape\":["u8);
            for (int i = 0; i < shape.Rank; i++)
            {
                if (i > 0) to.Write((byte)',');
                to.WriteNumber(shape[i]);
            }

            to.Write("],\"data\":"u8);
            if (!isArray) to.Write((byte)'[');
            to.Write(Value(ref cursor));
            if (!isArray) to.Write((byte)']');
            to.Write((byte)'}');
        }

        /// <summary>Elements of an array that does not nest.</summary>
        private static long Count(scoped ref JsonCursor cursor)
        {
            cursor.TryTake((byte)'[');
            bool isFirst = true;
            long elements = 0;
            for (; cursor.TryNextElement(ref isFirst); elements++) cursor.SkipValue();
            return elements;
        }

        private static ReadOnlySpan<byte> Value(scoped ref JsonCursor cursor)
        {
            cursor.Peek();
            ReadOnlySpan<byte> rest = cursor.Rest;
            int start = cursor.Position;
            cursor.SkipValue();
            return rest[..(cursor.Position - start)];
        }
    }
}
