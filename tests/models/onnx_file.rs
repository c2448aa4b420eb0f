//! ONNX files made by hand, part by part.

pub(crate) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

pub(crate) fn number(field: u64, number: u64) -> Vec<u8> {
    [varint(field << 3), varint(number)].concat()
}

pub(crate) fn part(field: u64, content: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(u64::try_from(content.len()).unwrap()), content.to_vec()].concat()
}

pub(crate) fn text(field: u64, text: &str) -> Vec<u8> {
    part(field, text.as_bytes())
}

pub(crate) fn value(name: &str, dims: &[u64]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| part(1, &number(1, *dim))).collect();
    let kind = [number(1, 1), part(2, &dims)].concat();
    [text(1, name), part(2, &part(1, &kind))].concat()
}

pub(crate) fn tensor(name: &str, dims: &[u64], numbers: &[f32]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| number(1, *dim)).collect();
    let raw: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    [dims, number(2, 1), text(8, name), part(9, &raw)].concat()
}

pub(crate) fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|input| text(1, input)).collect();
    [inputs, text(2, output), text(4, operator)].concat()
}

pub(crate) fn model(nodes: &[Vec<u8>], tensors: &[Vec<u8>], outputs: &[&str]) -> Vec<u8> {
    let nodes: Vec<u8> = nodes.iter().flat_map(|node| part(1, node)).collect();
    let tensors: Vec<u8> = tensors.iter().flat_map(|tensor| part(5, tensor)).collect();
    let outputs: Vec<u8> = outputs.iter().flat_map(|output| part(12, &value(output, &[1, 1]))).collect();
    file(&[nodes, tensors, part(11, &value("x", &[1, 2])), outputs].concat())
}

pub(crate) fn file(graph: &[u8]) -> Vec<u8> {
    let opset = part(8, &number(2, 15));
    [number(1, 8), text(2, "test"), part(7, graph), opset].concat()
}
