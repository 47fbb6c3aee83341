using Gateway.Server.Grpc.Messages;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

/// <summary>Makes requests of all that the message can have, and damages them.</summary>
internal static class RandomMessages
{
    private static readonly string[] Texts = ["", "x", "digits", "FP32", "a longer name than the others, so that its length takes its place", "é", "日本"];

    public static byte[] Infer(Random random)
    {
        ModelInferRequest request = new() { ModelName = Text(random), ModelVersion = Text(random), Id = Text(random) };
        AddParameters(random, request.Parameters);
        for (int i = random.Next(3); i > 0; i--)
        {
            ModelInferRequest.Types.InferInputTensor input = new() { Name = Text(random), Datatype = Text(random) };
            for (int dims = random.Next(random.Next(8) == 0 ? 12 : 4); dims > 0; dims--) input.Shape.Add(random.Next(3) == 0 ? random.NextInt64() - random.NextInt64() : random.Next(200));
            AddParameters(random, input.Parameters);
            if (random.Next(2) == 0) input.Contents = Contents(random);
            request.Inputs.Add(input);
        }

        for (int i = random.Next(3); i > 0; i--)
        {
            ModelInferRequest.Types.InferRequestedOutputTensor output = new() { Name = Text(random) };
            AddParameters(random, output.Parameters);
            request.Outputs.Add(output);
        }

        for (int i = random.Next(3); i > 0; i--) request.RawInputContents.Add(ByteString.CopyFrom(Bytes(random, 20)));
        return request.ToByteArray();
    }

    /// <summary>Changes a few bytes, cuts off, repeats a piece, or puts something in.</summary>
    public static byte[] Damage(Random random, byte[] bytes)
    {
        if (bytes.Length == 0) return Bytes(random, 8);
        int at = random.Next(bytes.Length);
        switch (random.Next(6))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 1:
                bytes[at] = (byte)random.Next(256);
                return bytes;
            case 2:
                return bytes[..at];
            case 3:
                int end = random.Next(at, bytes.Length) + 1;
                return [.. bytes, .. bytes[at..end]];
            case 4:
                return [.. bytes[..at], .. Bytes(random, 5), .. bytes[at..]];
            default:
                // An unknown field, which does no harm at the end: a number, a group, bytes, fixed ones.
                byte[] unknown = random.Next(5) switch
                {
                    0 => [0x78, 0x05],
                    1 => [0x7B, 0x08, 0x01, 0x7C],
                    2 => [0x7A, 0x02, 0xFF, 0xFE],
                    3 => [0x7D, 1, 2, 3, 4],
                    _ => [0x79, 1, 2, 3, 4, 5, 6, 7, 8],
                };
                return [.. bytes, .. unknown];
        }
    }

    private static InferTensorContents Contents(Random random)
    {
        InferTensorContents contents = new();
        for (int kinds = random.Next(3); kinds > 0; kinds--)
        {
            for (int i = random.Next(5); i > 0; i--)
            {
                switch (random.Next(8))
                {
                    case 0: contents.BoolContents.Add(random.Next(2) == 0); break;
                    case 1: contents.IntContents.Add(random.Next() - random.Next()); break;
                    case 2: contents.Int64Contents.Add(random.NextInt64() - random.NextInt64()); break;
                    case 3: contents.UintContents.Add((uint)random.NextInt64()); break;
                    case 4: contents.Uint64Contents.Add((ulong)random.NextInt64() * 3); break;
                    case 5: contents.Fp32Contents.Add(random.NextSingle()); break;
                    case 6: contents.Fp64Contents.Add(random.NextDouble()); break;
                    default: contents.BytesContents.Add(ByteString.CopyFrom(Bytes(random, 6))); break;
                }
            }
        }

        return contents;
    }

    private static void AddParameters(Random random, Google.Protobuf.Collections.MapField<string, InferParameter> parameters)
    {
        for (int i = random.Next(3); i > 0; i--)
        {
            parameters[Text(random)] = random.Next(6) switch
            {
                0 => new InferParameter { BoolParam = random.Next(2) == 0 },
                1 => new InferParameter { Int64Param = random.NextInt64() - random.NextInt64() },
                2 => new InferParameter { StringParam = Text(random) },
                3 => new InferParameter { DoubleParam = random.NextDouble() },
                4 => new InferParameter { Uint64Param = (ulong)random.NextInt64() },
                _ => new InferParameter(),
            };
        }
    }

    private static string Text(Random random) => Texts[random.Next(Texts.Length)];

    private static byte[] Bytes(Random random, int most)
    {
        byte[] bytes = new byte[random.Next(most)];
        random.NextBytes(bytes);
        return bytes;
    }
}
