using System.Runtime.InteropServices;
using Gateway.Client.Messages;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Tensors;

namespace Gateway.Client;

/// <summary>One output of an <see cref="InferenceResponse"/>; good until that is disposed.</summary>
public readonly struct ResponseOutput
{
    private readonly InferenceResponse _response;
    private readonly int _index;

    internal ResponseOutput(InferenceResponse response, int index)
    {
        _response = response;
        _index = index;
    }

    public string Name => _response.Text(Place.Name);

    public DataType DataType => Place.DataType;

    public TensorShape Shape
    {
        get
        {
            // Checked when the answer was read.
            MessagePackReader reader = new(_response.BytesFrom(Place.Shape));
            AnswerReader.TryReadShape(ref reader, out TensorShape shape);
            return shape;
        }
    }

    /// <summary>The tensor as it is on the wire: row-major, little-endian; strings each behind a 32-bit length.</summary>
    public ReadOnlySpan<byte> Bytes => _response.Bytes(Place.Data);

    /// <summary>The strings of an output of <see cref="DataType.Bytes"/>, as UTF-8, without copies.</summary>
    public StringElements Strings => DataType == DataType.Bytes ? new StringElements(Bytes) : throw Other("strings");

    private ref OutputPlace Place => ref _response.Place(_index);

    /// <summary>The elements where they lie, which may be at any address.</summary>
    /// <exception cref="InvalidOperationException">They are of another type. 16-bit elements of <see cref="DataType.Bf16"/> may be read as <see cref="ushort"/>.</exception>
    public ReadOnlySpan<T> AsSpan<T>()
        where T : unmanaged
    {
        DataType type = ElementTypes.Of<T>();
        if (DataType != type && !(DataType == DataType.Bf16 && type == DataType.UInt16)) throw Other(type.WireName());
        return MemoryMarshal.Cast<byte, T>(Bytes);
    }

    /// <summary>The strings of an output of <see cref="DataType.Bytes"/>, decoded.</summary>
    public string[] ToStrings()
    {
        List<string> texts = [];
        foreach (ReadOnlySpan<byte> utf8 in Strings) texts.Add(System.Text.Encoding.UTF8.GetString(utf8));
        return [.. texts];
    }

    private InvalidOperationException Other(string wanted) => new($"Output '{Name}' has elements of {DataType.WireName()}, not {wanted}.");
}
